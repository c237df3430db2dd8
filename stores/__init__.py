"""The associate's phone: what to do now, accept, pick, pack, hand over.

Owns the pages; the outcome of every act is recorded on the Fulfillment by `orders.services`.
"""
