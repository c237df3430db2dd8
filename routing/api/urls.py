from django.urls import include, path
from rest_framework.routers import SimpleRouter

from routing.api import capacity, promises, quotes, rule_sets, service_levels, shadows, simulations, tables, views

router = SimpleRouter()
router.register("service-levels", tables.ServiceLevels)
router.register("carrier-services", tables.CarrierServices)
router.register("rates", tables.Rates)
router.register("postal-areas", tables.PostalAreas)
router.register("date-policies", tables.DatePolicies)

urlpatterns = [
    path("locations/<str:code>/capacity/", capacity.Capacity.as_view(), name="location-capacity"),
    path("routing/plan/", views.PlanView.as_view(), name="routing-plan"),
    path("routing/promises/", promises.Promises.as_view(), name="routing-promises"),
    path("routing/promises/summary/", promises.PromisesSummary.as_view(), name="routing-promises-summary"),
    path("routing/lead-times/", promises.LeadTimesView.as_view(), name="routing-lead-times"),
    path("quotes/", quotes.Quotes.as_view(), name="quotes"),
    path("rule-sets/", rule_sets.RuleSetsView.as_view(), name="rule-sets"),
    path("rule-sets/<str:pk>/", rule_sets.RuleSetView.as_view(), name="rule-set"),
    path("rule-sets/<str:pk>/shadow/", shadows.ShadowView.as_view(), name="rule-set-shadow"),
    path("rule-sets/<str:pk>/publish/", rule_sets.PublishRuleSetView.as_view(), name="rule-set-publish"),
    path("rule-sets/<str:pk>/export/", rule_sets.ExportRuleSetView.as_view(), name="rule-set-export"),
    path("rule-sets/<str:pk>/review/", rule_sets.ReviewRuleSetView.as_view(), name="rule-set-review"),
    path("rule-sets/<str:pk>/differences/", rule_sets.RuleSetDifferencesView.as_view(), name="rule-set-differences"),
    path("rule-sets/<str:pk>/history/", rule_sets.RuleSetHistoryView.as_view(), name="rule-set-history"),
    path("carrier-services/<str:code>/review/", tables.RatesReviewView.as_view(), name="carrier-service-review"),
    path("simulations/", simulations.Simulations.as_view(), name="simulations"),
    path("simulations/files/", simulations.SimulateFile.as_view(), name="simulate-file"),
    path("simulations/<str:simulation_id>/", simulations.OneSimulation.as_view(), name="simulation"),
    path("simulations/<str:simulation_id>/changes/", simulations.SimulatedChanges.as_view(), name="simulation-changes"),
    path("simulations/<str:simulation_id>/cancel/", simulations.CancelSimulation.as_view(), name="simulation-cancel"),
    path("decisions/<str:pk>/", views.DecisionView.as_view(), name="decision"),
    path("decisions/<str:pk>/why-not/", views.WhyNotView.as_view(), name="decision-why-not"),
    path("service-levels/applying/", service_levels.Applying.as_view(), name="service-levels-applying"),
    path("", include(router.urls)),
]
