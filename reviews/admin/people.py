"""People, teams and groups. Superusers edit; others see the people of their own teams."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from governance import actions
from governance.models import ApiToken, Membership, Team, User
from reviews.admin.base import ReadOnlyAdmin, SuperusersEditMixin, VisibleAdmin
from reviews.admin.site import site
from reviews.admin.tokens import confirm, revoke_selected, show_token

ACCOUNT = {"fields": ("username", "first_name", "last_name", "email")}


@admin.register(User, site=site)
class UserAdmin(SuperusersEditMixin, DjangoUserAdmin, VisibleAdmin):
    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "is_active", "is_staff", "last_login")
    list_filter = ()
    search_fields = ("username", "first_name", "last_name")
    actions_detail = ("issue_api_token",)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> list:
        """Colleagues see who somebody is, not what keeps the account."""
        if obj is not None and not request.user.is_superuser:
            return [(None, ACCOUNT)]
        return super().get_fieldsets(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """People are deactivated: their decisions keep their names."""
        return False

    @action(description="Issue API token …", url_path="issue-token")
    def issue_api_token(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """For a superuser, and for everybody's own account."""
        user = self.get_object(request, object_id)
        if user is None or not (request.user.is_superuser or request.user == user):
            raise Http404
        if request.method != "POST":
            return confirm(self, request, f"Issue a new API token for {user}", "Issue token")
        token = actions.issue_api_token(user, by=request.user)
        return show_token(self, request, f"API token of {user}", token)


@admin.register(Group, site=site)
class GroupAdmin(SuperusersEditMixin, DjangoGroupAdmin, VisibleAdmin):
    def has_view_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return request.user.is_superuser


@admin.register(Team, site=site)
class TeamAdmin(SuperusersEditMixin, VisibleAdmin):
    list_display = ("name", "slug")

    def has_delete_permission(self, request: HttpRequest, obj: Team | None = None) -> bool:
        return False


@admin.register(Membership, site=site)
class MembershipAdmin(SuperusersEditMixin, VisibleAdmin):
    list_display = ("user", "team", "role")
    list_select_related = ("user", "team")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        if request.user.is_superuser:
            return super().get_queryset(request)
        return Membership.objects.filter(team__in=Team.objects.visible_to(request.user))

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        self.record_deletion(request, obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        for membership in queryset.select_related("team", "user"):
            self.delete_model(request, membership)


@admin.register(ApiToken, site=site)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Superusers see all tokens, others their own. Hashes are not shown to anybody."""

    list_display = ("prefix", "user", "created_at", "expires_at", "revoked_at", "last_used_at")
    list_select_related = ("user",)
    fields = list_display
    ordering = ("-id",)
    actions = (revoke_selected,)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        tokens = ApiToken.objects.all()
        return tokens if request.user.is_superuser else tokens.filter(user=request.user)

    def has_view_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return request.user.is_active and request.user.is_staff

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_revoke_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """The list holds nobody else's."""
        return self.has_view_permission(request)
