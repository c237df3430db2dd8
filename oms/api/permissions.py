from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from oms.actors import Caller


class HasScope(BasePermission):
    """The view's `scopes` name what each method needs; a method without a scope is not allowed to anyone.

    A method that does not exist is told as such (405): no scope would help. Which ones do may be asked by all.
    """

    code = "missing_scope"

    def has_permission(self, request: Request, view: Any) -> bool:
        caller = request.auth
        if not isinstance(caller, Caller):
            return False
        if request.method not in view.allowed_methods:
            raise MethodNotAllowed(request.method or "")
        if request.method == "OPTIONS":
            return True
        method = "GET" if request.method in SAFE_METHODS else request.method
        scope = view.scopes.get(method)
        self.message = _("This needs the scope %(scope)s") % {"scope": scope}
        return scope is not None and caller.may(scope)
