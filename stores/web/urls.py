from django.urls import path

from stores.web import counts, offers, pauses, receiving, sending, views

app_name = "store"
urlpatterns = [
    path("", views.Home.as_view(), name="home"),
    path("at/<str:code>/", views.BoardPage.as_view(), name="board"),
    path("at/<str:code>/list/", views.BoardList.as_view(), name="list"),
    path("at/<str:code>/pause/", pauses.Pause.as_view(), name="pause"),
    path("at/<str:code>/resume/", pauses.Resume.as_view(), name="resume"),
    path("at/<str:code>/receive/", receiving.Arrivals.as_view(), name="arrivals"),
    path("receive/<str:inbound_id>/", receiving.Receive.as_view(), name="receive"),
    path("at/<str:code>/send/", sending.Destinations.as_view(), name="destinations"),
    path("at/<str:code>/send/<str:to>/", sending.Send.as_view(), name="send"),
    path("sent/<str:inbound_id>/call-back/", sending.CallBack.as_view(), name="call-back"),
    path("at/<str:code>/counts/", counts.CountsOfPlace.as_view(), name="counts"),
    path("at/<str:code>/counts/new/", counts.StartCount.as_view(), name="count-new"),
    path("counts/<str:count_id>/", counts.CountScreen.as_view(), name="count"),
    path("counts/<str:count_id>/scan/", counts.ScanArticle.as_view(), name="count-scan"),
    path("counts/<str:count_id>/set/", counts.SetUnits.as_view(), name="count-set"),
    path("counts/<str:count_id>/undo/", counts.Undo.as_view(), name="count-undo"),
    path("counts/<str:count_id>/submit/", counts.Submit.as_view(), name="count-submit"),
    path("counts/<str:count_id>/decide/", counts.Decide.as_view(), name="count-decide"),
    path("counts/<str:count_id>/cancel/", counts.Cancel.as_view(), name="count-cancel"),
    path("offers/<str:offer_id>/take/", offers.Take.as_view(), name="take"),
    path("work/<str:work_id>/", views.WorkPage.as_view(), name="work"),
    path("work/<str:work_id>/accept/", views.Accept.as_view(), name="accept"),
    path("work/<str:work_id>/decline/", views.Decline.as_view(), name="decline"),
    path("work/<str:work_id>/start/", views.Start.as_view(), name="start"),
    path("work/<str:work_id>/pick/", views.PickLine.as_view(), name="pick"),
    path("work/<str:work_id>/short/", views.ShortLine.as_view(), name="short"),
    path("work/<str:work_id>/ready/", views.MakeReady.as_view(), name="ready"),
    path("work/<str:work_id>/ship/", views.Ship.as_view(), name="ship"),
    path("work/<str:work_id>/hand-over/", views.HandOver.as_view(), name="hand-over"),
    path("work/<str:work_id>/extend/", views.Extend.as_view(), name="extend"),
]
