"""The admin in the console's colours (static/css): the setting UNFOLD. Imports nothing, as settings read it."""

UNFOLD = {
    "SITE_TITLE": "ATLAS administration",
    "SITE_HEADER": "ATLAS",
    "SITE_SUBHEADER": "Administration",
    "SITE_SYMBOL": "verified_user",
    "SITE_URL": "/queue/",
    "SITE_DROPDOWN": [
        {"icon": "inbox", "title": "Queue", "link": "/queue/"},
        {"icon": "history", "title": "History", "link": "/history/"},
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": True,
    "BORDER_RADIUS": "6px",
    "SIDEBAR": {"show_search": True, "show_all_applications": False},
    "COLORS": {
        "base": {
            "50": "#f7f7f9", "100": "#eeeff3", "200": "#e2e4ea", "300": "#c4c8d2", "400": "#a9aeba", "500": "#6f7482",
            "600": "#545966", "700": "#2b2e36", "800": "#202228", "900": "#17181c", "950": "#101114",
        },
        "primary": {
            "50": "#eef0fd", "100": "#dfe3fb", "200": "#c5cbf8", "300": "#a9b3ff", "400": "#8d9bff", "500": "#5f70ea",
            "600": "#3b4fd8", "700": "#3142b6", "800": "#29378f", "900": "#1f2340", "950": "#10122b",
        },
    },
}
