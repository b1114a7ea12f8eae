#!/usr/bin/env python
"""Django's command line for the gateway."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atlas_site.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:  # the line names the setting; a traceback would hide it
        sys.exit(f"The gateway does not start: {error}")
