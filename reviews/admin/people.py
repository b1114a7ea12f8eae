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
from reviews.admin.halts import HaltableAdmin
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

    def teams_of(self, obj: User) -> list[Team]:
        """Whoever is switched off or put into a group is so in all of their teams."""
        return list(obj.teams.all())

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            self._record(request, self.get_object(request, id), "changed", fields=["password"])
        return response

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
    def teams_of(self, obj: Group) -> list[Team]:
        return list(Team.objects.filter(members__groups=obj).distinct())

    def has_view_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return request.user.is_superuser


@admin.register(Team, site=site)
class TeamAdmin(SuperusersEditMixin, HaltableAdmin):
    list_display = ("name", "slug", "state", "halt_reason")
    fields = ("name", "slug", "halted_at", "halted_reason")
    readonly_fields = ("halted_at", "halted_reason")

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

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> tuple[str, ...]:
        """Of a membership only the role changes: another person or team is another one, and evidence of two teams."""
        return ("user", "team") if obj is not None else ()


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
