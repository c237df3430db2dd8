"""The API base. How an app adds an endpoint:

    class OrderAction(ApiView):
        scopes = {"GET": "orders:read", "POST": "orders:write"}

        @extend_schema(request=CancelBody, responses={200: OrderDocument})
        def post(self, request, number):
            body = self.body(CancelBody)          # a pydantic model; refusals carry JSON pointers
            ...one service call...
            return Response(document)

Commands (what a client asks to happen: orders, stock events, plans) are pydantic models (`oms.api.body`).
Tables that staff edit (products, places, rates) are DRF ModelSerializers on `ApiViewSet`. Lists are cursor
paged; errors are raised as `oms.errors` and become problem documents in `oms.problems`.
"""
