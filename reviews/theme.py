"""The admin in the console's colours (static/css): the setting UNFOLD. Imports nothing, as settings read it."""

UNFOLD = {
    "SITE_TITLE": "ATLAS administration",
    "SITE_HEADER": "ATLAS",
    "SITE_SUBHEADER": "Administration",
    "SITE_SYMBOL": "verified_user",
    "SITE_URL": "/queue/",
    "SITE_DROPDOWN": [
        {"icon": "dashboard", "title": "Overview", "link": "/overview/"},
        {"icon": "inbox", "title": "Queue", "link": "/queue/"},
        {"icon": "history", "title": "History", "link": "/history/"},
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": True,
    "BORDER_RADIUS": "6px",
    "SIDEBAR": {"show_search": True, "show_all_applications": False},
    "COLORS": {
        "base": {
            "50": "#f6f5f1", "100": "#edebe5", "200": "#e1ded6", "300": "#cfcbc0", "400": "#b3b0a7", "500": "#676459",
            "600": "#545148", "700": "#33322e", "800": "#262623", "900": "#1c1c1a", "950": "#131312",
        },
        "primary": {
            "50": "#eceffc", "100": "#dde2fa", "200": "#c3cbf6", "300": "#9ba9ff", "400": "#8695f5", "500": "#5668dc",
            "600": "#2f45c5", "700": "#2839a3", "800": "#233083", "900": "#21243f", "950": "#10132e",
        },
    },
}
