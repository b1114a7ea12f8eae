"""What every table of the admin shares: who sees which rows, what is read-only, and lists that never count millions."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Field, ForeignKey, Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin, TabularInline
from unfold.paginator import InfinitePaginator

from governance.actions.moves import record_administration, reviewer_actor, take_turn
from governance.models import Membership, Role, Team, User

OPERATING_ROLES = (Role.OPERATOR, Role.ADMIN)


def may_operate(user: User, team: Team | int | None = None) -> bool:
    """Whether this person halts, resumes and equips the agents of this team (of any, when None)."""
    if not user.is_active or user.is_superuser:
        return user.is_active
    own = Membership.objects.filter(user=user, role__in=OPERATING_ROLES)
    return (own if team is None else own.filter(team=team)).exists()


def visible(rows: QuerySet, user: User) -> QuerySet:
    """Rows of any table as this person may see them; those of tables without a team are for superusers."""
    if hasattr(rows, "visible_to"):
        return rows.visible_to(user)
    if user.is_superuser:
        return rows
    if rows.model is User:
        return rows.filter(pk__in=Membership.objects.filter(team__in=Team.objects.visible_to(user)).values("user"))
    return rows.none()


class BoundedPaginator(InfinitePaginator):
    """Counts at most MOST rows and shows no more: older ones are reached by filters, or in the console's history."""

    MOST = 1000
    template_name = "unfold/helpers/pagination_bounded.html"

    @cached_property
    def count(self) -> int:
        return len(self.object_list.select_related(None).values_list("pk")[: self.MOST])

    @property
    def is_cut(self) -> bool:
        return self.count >= self.MOST


class VisibleAdmin(ModelAdmin):
    """Rows, choices of foreign keys and filters: only what visible_to gives this person."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 50
    compressed_fields = True
    list_filter_submit = False

    class Media:
        css: ClassVar = {"all": ["css/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return visible(super().get_queryset(request), request.user)

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Field:
        related = db_field.remote_field.model._default_manager.all()
        kwargs.setdefault("queryset", visible(related, request.user))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Model, form: ModelForm, change: bool) -> None:
        """Every edit leaves its evidence, in the same transaction (the admin's views are atomic).

        An edit writes the columns that were edited and no others: a halt, a generation or a digest that a verb wrote
        since this row was read stays.
        """
        if not change:
            super().save_model(request, obj, form, change)
            self._record(request, obj, "added", fields=list(form.changed_data))
        elif form.changed_data:
            take_turn(*(team.pk for team in self.teams_of(obj)))
            columns = {field.name for field in obj._meta.concrete_fields}
            obj.save(update_fields=[name for name in form.changed_data if name in columns])
            self._record(request, obj, "changed", fields=list(form.changed_data))

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        self._record(request, obj, "removed")
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        for row in queryset:
            self.delete_model(request, row)

    def _record(self, request: HttpRequest, obj: Model, what: str, **payload: Any) -> None:
        for team in self.teams_of(obj):
            record_administration(
                team, f"{obj._meta.verbose_name} {what}", now=timezone.now(), actor=reviewer_actor(request.user),
                row=str(obj), id=str(obj.pk), **payload,
            )

    def team_of(self, obj: Model) -> Team | None:
        """Whose evidence an edit of this row is."""
        return obj if isinstance(obj, Team) else getattr(obj, "team", None)

    def teams_of(self, obj: Model) -> list[Team]:
        """The same for rows that concern several teams. What processes remember of these teams is out of date then."""
        team = self.team_of(obj)
        return [] if team is None else [team]


SECRET = ("id", "sha256", "sealed", "sealed_secret")  # shown to nobody


class ReadOnlyMixin:
    """No add, change or delete, for superusers neither. Shows every field, also those that are not editable."""

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        declared = list(super().get_readonly_fields(request, obj))
        fields = (field.name for field in self.model._meta.fields if field.name not in SECRET)
        return [*declared, *(name for name in fields if name not in declared)]

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnlyMixin, VisibleAdmin):
    sortable_by: Sequence[str] = ()


class SeenLikeMixin:
    """Seen by whoever may see another table: the one these rows are a part of."""

    seen_like: str

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(f"governance.view_{self.seen_like}")


class SuperusersOnlyMixin:
    """For tables without a team."""

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_active and request.user.is_superuser

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_superuser


class SuperusersEditMixin:
    """Others look; what is written here decides who decides."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_active and request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_active and request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_active and request.user.is_superuser


class ReadOnlyInline(ReadOnlyMixin, TabularInline):
    extra = 0
    show_change_link = False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever sees the row sees its parts."""
        return True


class VisibleChoiceFilter(admin.SimpleListFilter):
    """A filter by a foreign key whose choices are the rows this person sees, the first two hundred of them."""

    model: type[Model]
    label = "name"
    path = ""  # from the listed row to the chosen one, where it is not the parameter's name

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        rows = visible(self.model._default_manager.all(), request.user).order_by(self.label)
        return [(str(row.pk), str(row)) for row in rows[:200]]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        chosen = {value for value, _ in self.lookup_choices}
        value = self.value()
        return queryset.filter(**{f"{self.path or self.parameter_name}_id": value}) if value in chosen else queryset
