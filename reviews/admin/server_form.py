"""The form of a tool server. Headers and environment are written here and never read back: only their names are shown.

Nothing typed keeps what is stored. A stored value never follows the server to another place: whoever changes the
address or the program types the values again.
"""

import json
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django import forms
from django.utils.text import slugify
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from governance.actions.tool_servers import check_server, secrets_of
from governance.errors import InvalidArguments, Unreadable
from governance.lookups import resolvers_of, why_not_asked
from governance.models import ToolServer

MAX_SECRETS_CHARS = 32 * 1024
PLACE = ("kind", "url", "command", "args", "cwd")
KINDS = (
    ("http", "Streamable HTTP: an address (what most remote servers speak)"),
    ("sse", "SSE: an address (older remote servers)"),
    ("stdio", "stdio: a program that the gateway starts on its own machine"),
)


class WriteOnlyTextarea(UnfoldAdminTextareaWidget):
    """Never shows what was typed, not even when the form comes back with an error."""

    def __init__(self, placeholder: str) -> None:
        super().__init__(attrs={
            "rows": 3, "autocomplete": "off", "spellcheck": "false", "placeholder": placeholder, "class": "font-mono",
        })

    def get_context(self, name: str, value: object, attrs: dict[str, Any] | None) -> dict[str, Any]:
        return super().get_context(name, None, attrs)


class SecretsField(forms.CharField):
    """Lines of `name`, `separator`, value → a dict. Errors name lines, never values."""

    def __init__(self, separator: str, **kwargs: Any) -> None:
        self.separator = separator
        super().__init__(required=False, max_length=MAX_SECRETS_CHARS, **kwargs)

    def clean(self, value: str) -> dict[str, str]:
        return self._read(super().clean(value))

    def _read(self, text: str) -> dict[str, str]:
        found: dict[str, str] = {}
        problems = []
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip():
                continue
            name, separator, secret = line.partition(self.separator)
            name, secret = name.strip(), secret.strip()
            if not (separator and name and secret and " " not in name and line.isprintable()):
                problems.append(f"Line {number} is not a name, {self.separator!r} and a value in plain characters.")
            elif name.lower() in map(str.lower, found):
                problems.append(f"Line {number} sets the same name once more.")
            else:
                found[name] = secret
        if problems:
            raise forms.ValidationError(problems[:10])
        return found

    def has_changed(self, initial: object, data: object) -> bool:
        return bool(data and str(data).strip())


class ToolServerForm(forms.ModelForm):
    kind = forms.ChoiceField(choices=KINDS, widget=UnfoldAdminSelectWidget, help_text="How the gateway reaches it.")
    headers = SecretsField(
        ":", widget=WriteOnlyTextarea("Authorization: Bearer …"),
        help_text="One “Name: value” per line: added, or put in place of the stored one of that name. Sealed at rest "
        "and never shown again.",
    )
    remove_headers = forms.MultipleChoiceField(
        required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget, label="forget these headers"
    )
    env = SecretsField(
        "=", label="environment", widget=WriteOnlyTextarea("API_KEY=…"),
        help_text="One “NAME=value” per line, for the program alone. Sealed at rest and never shown again.",
    )
    remove_env = forms.MultipleChoiceField(
        required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget, label="forget these variables"
    )

    class Meta:
        model = ToolServer
        fields = (
            "team", "name", "slug", "kind", "enabled", "url", "command", "args", "cwd", "timeout_seconds",
            "max_result_bytes", "allowed_resources", "allowed_prompts", "resolvers",
        )
        widgets: ClassVar = {
            name: UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"})
            for name in ("allowed_resources", "allowed_prompts", "resolvers")
        }
        help_texts: ClassVar = {
            "slug": "Tools are called slug__tool by agents. Cannot be changed later.",
            "url": "Without user names or keys in it: those belong into a header, which is sealed.",
            "args": '["--option", "value"]. Shown to whoever sees the server: no secrets here.',
            "enabled": "Off: its tools are not offered and cannot be called.",
            "resolvers": 'A list, at most ten: [{"pattern": "CUST-[0-9]+", "tool": "get_customer", "argument": "id", '
            '"name": "/name"}]. Ids that match the pattern are looked up with this read-only tool of the same server; '
            "name is a JSON pointer into its answer, or text for the answer's text.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored: dict[str, dict[str, str]] = {"headers": {}, "env": {}}
        self.unreadable = ""
        try:
            self.stored["headers"], self.stored["env"] = secrets_of(self.instance)
        except Unreadable as error:
            self.unreadable = str(error)
        if self.instance.pk is not None and not self.instance.is_remote:
            self.fields.pop("kind", None)  # the built-in one stays what it is
        self.place = {name: getattr(self.instance, name) for name in PLACE}
        for part in self.stored:
            self._show_names(part)

    def _show_names(self, part: str) -> None:
        if f"remove_{part}" not in self.fields:
            return
        names = sorted(self.stored[part])
        if names:
            self.fields[f"remove_{part}"].choices = [(name, name) for name in names]
            self.fields[part].help_text += f" Stored now: {', '.join(names)}; what you do not name here is kept."
        else:
            del self.fields[f"remove_{part}"]
        if self.unreadable:
            self.fields[part].help_text += f" The stored ones cannot be opened ({self.unreadable}); type all anew."

    def clean_slug(self) -> str:
        slug = slugify(self.cleaned_data["slug"])
        if not slug:
            raise forms.ValidationError("Letters, digits and hyphens.")
        return slug

    def clean_url(self) -> str:
        url = self.cleaned_data["url"]
        if "@" in urlsplit(url).netloc:
            raise forms.ValidationError("No user name or password in the address: put them into a header.")
        return url

    def clean_resolvers(self) -> list[dict[str, str]]:
        written = self.cleaned_data["resolvers"] or []
        try:
            resolvers = resolvers_of(written)
        except InvalidArguments as error:
            raise forms.ValidationError(str(error)) from error
        problems = [problem for resolver in resolvers if (problem := why_not_asked(self.instance, resolver.tool))]
        if problems:
            raise forms.ValidationError(problems)
        return written

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for part in self.stored:
            kept = set(self.stored[part]) - set(cleaned.get(f"remove_{part}") or ()) - self._typed(part)
            if kept and self._moved():
                names = ", ".join(sorted(kept))
                self.add_error(part, f"The server is elsewhere now: type {names} again, or forget it.")
        return cleaned

    def _typed(self, part: str) -> set[str]:
        """The stored names that are replaced. Header names count in any case of letters."""
        typed = self.cleaned_data.get(part) or {}
        return {name for name in self.stored[part] if _same(name, typed, part)}

    def _moved(self) -> bool:
        """Whether stored values would go to another host or program than the one they were typed for."""
        if self.instance.pk is None:
            return False
        now = {name: self.cleaned_data.get(name, old) for name, old in self.place.items()}
        return _host(now.pop("url")) != _host(self.place["url"]) or any(now[name] != self.place[name] for name in now)

    def _post_clean(self) -> None:
        super()._post_clean()
        if not self.errors:
            try:
                check_server(self.instance)
            except InvalidArguments as error:
                self.add_error(None, str(error))

    def secrets_change(self) -> bool:
        return any(self.cleaned_data.get(name) for name in ("headers", "env", "remove_headers", "remove_env"))

    def secrets(self, part: str) -> dict[str, str]:
        """All values of `headers` or `env` after this form."""
        removed = {*(self.cleaned_data.get(f"remove_{part}") or ()), *self._typed(part)}
        kept = {name: value for name, value in self.stored[part].items() if name not in removed}
        return kept | (self.cleaned_data.get(part) or {})


def _same(name: str, typed: Mapping[str, str], part: str) -> bool:
    return name.lower() in map(str.lower, typed) if part == "headers" else name in typed


def _host(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def where(server: ToolServer) -> str:
    """Its address or its command line, for a list."""
    if server.kind == "stdio":
        return " ".join([server.command, *(part if " " not in part else json.dumps(part) for part in server.args)])
    return server.url or "built into the gateway"
