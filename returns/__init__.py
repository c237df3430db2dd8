"""Returns anywhere: request, receive, inspect, dispose, refund, exchange. This room is built next; it owns nothing yet."""
