from django.urls import path

from orders.api import fulfillments, offers, orders, reoptimisation

urlpatterns = [
    path("orders/", orders.Orders.as_view(), name="orders"),
    path("orders/bulk/", orders.BulkOrders.as_view(), name="orders-bulk"),
    path("orders/reoptimise/", reoptimisation.Reoptimise.as_view(), name="orders-reoptimise"),
    path("orders/<int:number>/", orders.OneOrder.as_view(), name="order"),
    path("orders/<int:number>/timeline/", orders.Timeline.as_view(), name="order-timeline"),
    path("orders/<int:number>/decisions/", orders.Decisions.as_view(), name="order-decisions"),
    path("orders/<int:number>/notes/", orders.Notes.as_view(), name="order-notes"),
    path("orders/<int:number>/cancel/", orders.Cancel.as_view(), name="order-cancel"),
    path("orders/<int:number>/hold/", orders.HoldView.as_view(), name="order-hold"),
    path("orders/<int:number>/release/", orders.Release.as_view(), name="order-release"),
    path("orders/<int:number>/reroute/", orders.RerouteView.as_view(), name="order-reroute"),
    path("customers/<slug:customer_id>/", orders.OneCustomer.as_view(), name="customer"),
    path("fulfillments/", fulfillments.Fulfillments.as_view(), name="fulfillments"),
    path("fulfillments/<slug:fulfillment_id>/", fulfillments.OneFulfillment.as_view(), name="fulfillment"),
    *[
        path(f"fulfillments/<slug:fulfillment_id>/{name}/", view.as_view(), name=f"fulfillment-{name}")
        for name, view in fulfillments.ACTIONS
    ],
    path("offers/", offers.Offers.as_view(), name="offers"),
    path("offers/<slug:offer_id>/take/", offers.TakeOffer.as_view(), name="offer-take"),
    path("exceptions/", fulfillments.Exceptions.as_view(), name="exceptions"),
    path("exceptions/<slug:case_id>/resolve/", fulfillments.Resolve.as_view(), name="exception-resolve"),
]
