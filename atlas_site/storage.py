"""Static files under names with a hash of their content."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):
    """Hashed names in `import` lines too: a module imported by two names would run twice."""

    support_js_module_import_aggregation = True
