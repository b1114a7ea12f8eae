"""The words the embedded scorer knows. Points are whole numbers on the 0..100 scale, set by hand.

Verbs come from tool names in the wild (MCP servers, browser and office tools); the few words of other languages are
button captions. A word stands in one verb kind only.
"""

import re
from dataclasses import dataclass

BASE_POINTS = 30


@dataclass(frozen=True)
class Kind:
    """What a tool's verb says it does."""

    name: str
    points: int
    label: str
    changes: bool  # it alters something outside the agent
    words: frozenset[str]
    asked_by: frozenset[str] = frozenset()  # further words by which a user asks for it


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KINDS: tuple[Kind, ...] = (
    Kind("read", -22, "only looks something up", False, _words(
        "get list read search find fetch check show view lookup look query describe retrieve count status inspect "
        "browse preview monitor estimate validate peek head stat explain compare identify detect "
        "locate track recommend suggest forecast predict tail "
        "buscar ver voir suchen"
    )),
    Kind("compute", -24, "only computes", False, _words(
        "calculate compute convert format parse solve evaluate analyze analyse summarize summarise translate "
        "classify simulate measure integrate derive factor sort filter calc sum plot think generate random"
    )),
    Kind("open", -4, "opens a page or moves to a place", False, _words(
        "navigate open goto go visit scroll hover wait load close back forward switch"
    )),
    Kind("press", -10, "operates a control on a page", False, _words(
        "click press tap type input fill select choose drag"
    )),
    Kind("create", 8, "creates something", True, _words(
        "create add new make write append save upload put insert draft copy clone record register log import download "
        "initiate process "
        "attach crear guardar agregar"
    ), _words("create add make write append save put note draft new record register copy")),
    Kind("arrange", 16, "books or schedules something", True, _words(
        "book reserve schedule reschedule enroll enrol rent hire inscribirse rsvp"
    ), _words("book reserve schedule calendar appointment event meeting reservation move reschedule plan rent stay")),
    Kind("ask", 16, "asks somebody else to act", True, _words(
        "request apply submit file claim appeal propose nominate escalate"
    ), _words("request apply submit file claim appeal ask extension extend need")),
    Kind("update", 20, "changes something that exists", True, _words(
        "update modify edit change set patch replace rename move adjust alter amend correct exchange swap "
        "merge renew extend resume assign reassign configure enable toggle mark handle manage redirect complete "
        "reset restore sync overwrite"
    ), _words("update modify edit change set replace rename move adjust correct exchange swap extend resume fix "
              "switch enable manage instead assign invite remove")),
    Kind("send", 22, "sends or publishes something", True, _words(
        "send email mail post publish tweet reply forward message notify broadcast announce comment share export "
        "text call contact enviar report subscribe join vote rate like"
    ), _words("send email mail post publish tweet reply forward message notify tell share inform announce comment "
              "respond write contact invite text let")),
    Kind("grant", 28, "gives access or rights", True, _words(
        "grant invite authorize authorise allow approve unlock permit promote impersonate elevate sudo"
    ), _words("grant invite authorize allow approve unlock access permission add give share collaborator member")),
    Kind("operate", 20, "acts on machines or in the physical world", True, _words(
        "operate control dispatch deploy restart reboot start stop shutdown power drive steer actuate trigger launch "
        "pick place grab pour heat turn activate deactivate install uninstall terminate scale rollback provision "
        "kill disable block mute suspend freeze"
    ), _words("dispatch deploy restart start stop turn move bring take put place grab pick heat install retrieve save "
              "kill disable block help remove navigate send allocate respond emergency resources")),
    Kind("run", 10, "runs code or commands", True, _words(
        "execute exec run eval shell bash terminal script invoke command sql powershell"
    ), _words("run execute command terminal script install list file process")),
    Kind("money", 38, "moves money or buys", True, _words(
        "pay transfer refund purchase buy charge withdraw deposit donate wire remit disburse reimburse checkout order "
        "bid trade sell invest payout comprar pagar return tip settle"
    ), _words("pay transfer refund purchase buy charge withdraw deposit donate send return order invest trade sell "
              "money split bill dollars settle")),
    Kind("delete", 36, "deletes or cancels something", True, _words(
        "delete remove erase destroy drop purge clear wipe truncate cancel revoke unsubscribe trash archive expunge "
        "discard eliminar borrar void annul reject deny evict"
    ), _words("delete remove erase clear drop cancel clean purge revoke unsubscribe discard free")),
)
KIND_OF: dict[str, Kind] = {word: kind for kind in KINDS for word in kind.words}
UNKNOWN = Kind("unknown", 0, "does not say what it does", False, frozenset())

# "order_status", "transfer_history": a noun that could be a verb, and a last word that says it is one.
# "send_money", "create_refund", "place_order": what is sent or made makes it a payment.
MONEY_NOUNS = _words("money payment payments funds cash bitcoin ether refund transfer payout withdrawal purchase order")
MAKING_KINDS = frozenset({"send", "create", "operate"})
HTTP_VERBS = {"get": "get", "head": "get", "post": "submit", "put": "update", "patch": "update", "delete": "delete"}
NOUN_VERBS = _words("order transfer request claim refund return deposit charge report trade")
READING_LAST_WORDS = _words("status info details detail history count")


@dataclass(frozen=True)
class Subject:
    """What a call is about."""

    name: str
    label: str
    change_points: int
    read_points: int
    words: frozenset[str]


SUBJECTS: tuple[Subject, ...] = (
    Subject("welfare", "a person's welfare, health or benefits", 24, 4, _words(
        "welfare benefit benefits beneficiary beneficiaries pension allowance claimant entitlement disability medicaid "
        "patient patients prescription medication medicine medical treatment diagnosis eligibility caseworker "
        "housing refugee asylum custody child"
    )),
    Subject("access", "passwords, keys or access rights", 22, 9, _words(
        "password passwords passwd credential credentials secret secrets token tokens permission permissions role "
        "roles collaborator collaborators acl ssh mfa otp privilege admin sudo login apikey certificate firewall "
        "key keys"
    )),
    Subject("money", "payments or money", 15, 2, _words(
        "payment payments refund invoice bank iban wallet card credit paypal venmo payroll salary loan billing charge "
        "money fund funds transaction transactions tax mortgage stipend cash crypto stock amount"
    )),
    Subject("contract", "an order, booking or contract", 16, 0, _words(
        "order orders subscription contract reservation booking flight ticket insurance policy lease agreement "
        "purchase line plan shipment delivery hotel warranty"
    )),
    Subject("safety", "people's physical safety", 14, 1, _words(
        "emergency incident dispatch alarm lock door oven stove robot vehicle fire medication drone valve reactor "
        "traffic elevator heater gas weapon"
    )),
    Subject("systems", "running systems or source code", 12, 1, _words(
        "production prod server cluster deployment kubectl docker terraform aws "
        "database firewall dns branch repository repo pipeline kubernetes "
        "instance vm volume bucket backup schema namespace container pod"
    )),
    Subject("record", "an official or stored record", 8, 0, _words(
        "record records registry ledger file files document documents case dossier certificate licence license visa"
    )),
    Subject("identity", "somebody's account or personal details", 9, 1, _words(
        "account accounts profile identity address addresses user users customer customers member members ssn passport "
        "employee contact contacts phone birthdate"
    )),
    Subject("term", "a deadline, term or suspension", 10, 0, _words(
        "extension extend deadline expiry suspension term renewal sanction penalty"
    )),
    Subject("public", "something that everybody can see", 8, 0, _words(
        "public tweet twitter facebook instagram linkedin reddit press"
    )),
    Subject("outside", "messages to other people", 6, 0, _words(
        "email emails mail message messages tweet post comment sms newsletter recipient recipients "
        "participants attachment"
    )),
)
SUBJECTS_OF: dict[str, tuple[Subject, ...]] = {
    word: tuple(subject for subject in SUBJECTS if word in subject.words)
    for word in {word for subject in SUBJECTS for word in subject.words}
}


@dataclass(frozen=True)
class Pattern:
    """Something to find in an argument's text. Patterns are linear: no nested repetition."""

    name: str
    label: str
    points: int
    regex: re.Pattern[str]


def _pattern(name: str, label: str, points: int, regex: str) -> Pattern:
    return Pattern(name, label, points, re.compile(regex, re.IGNORECASE))


# In the text of a command, script or SQL argument.
COMMANDS: tuple[Pattern, ...] = (
    _pattern("wipe", "the command deletes recursively, formats or overwrites a disk", 50,
             r"\brm\s+-\w*[rf]|\bmkfs|\bdd\s+if=|\bshred\b|remove-item\b|\bformat\s+c:|\brmdir\s+/s|\bdel\s+/|:\(\)\s?\{"),
    _pattern("sql-destroy", "the statement drops, truncates or deletes data", 50,
             r"\bdrop\s+(?:table|database|schema|index|view|user)\b|\btruncate\s+(?:table\s)?\w|\bdelete\s+from\b"),
    _pattern("sql-change", "the statement changes data or rights", 28,
             r"\binsert\s+into\b|\bupdate\s+\S+\s+set\b|\balter\s+(?:table|user|role)\b|\bgrant\s+\w+|\brevoke\s+\w+|\bmerge\s+into\b"),
    _pattern("force", "the command overwrites history that others have", 34,
             r"\bgit\s+push\s(?:[^;&|\n]{0,200}\s)?(?:-f|--force)\b|\bgit\s+(?:reset\s+--hard|clean\s+-\w*f)"),
    _pattern("remote-code", "the command runs code fetched from elsewhere", 50,
             r"\b(?:curl|wget)\b[^|\n]{0,300}\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b|\bbase64\s+(?:-d|--decode)\b|\beval\b|\biex\b"),
    _pattern("privilege", "the command takes administrator rights or opens permissions", 30,
             r"\bsudo\b|\bsu\s+-|\bchmod\b|\bchown\b|\busermod\b|\buseradd\b|\badduser\b|\bpasswd\b|\bvisudo\b|\bsetfacl\b"),
    _pattern("install", "the command installs software", 30,
             r"\b(?:apt|apt-get|yum|dnf|brew|snap|pip3?|npm|gem|cargo)\s+(?:-\S+\s+)*(?:install|add|i)\b|\bgit\s+clone\b|\bdpkg\s+-i\b"),
    _pattern("service", "the command stops processes or changes services", 24,
             r"\bkill(?:all)?\b|\bpkill\b|\bsystemctl\s+(?:stop|restart|disable|mask|start|enable)|\bshutdown\b|\breboot\b"
             r"|\biptables\b|\bufw\b|\bcrontab\b|\bdocker\s+(?:rm|kill|stop|run)|\bkubectl\s+(?:delete|apply|scale|drain)|\bterraform\s+(?:apply|destroy)"),
    _pattern("upload", "the command sends data to another machine", 34,
             r"\bcurl\b[^|\n]{0,300}\s(?:-X\s?(?:POST|PUT|PATCH|DELETE)\b|-F\b|-d\b|--data|--form|-T\b|--upload-file)"
             r"|\b(?:scp|sftp|rsync|nc|netcat)\s"),
    _pattern("transfer", "the command sends or fetches data over the network", 18,
             r"(?:^|[;&|(`]\s?|\bsudo\s)(?:curl|wget|scp|sftp|rsync|nc|netcat|ftp|telnet|ssh)\s"),
    _pattern("move", "the command writes, moves or removes files", 16,
             r"\brm\s|\bmv\s|\bcp\s|\btee\s|\btouch\s|\bmkdir\s|\bsed\s+-i|\bgit\s+(?:push|reset|checkout)|\bzip\s|\btar\s|>\s*[\w/~.]"),
)
READ_COMMAND = re.compile(
    r"\s*(?:ls|cat|head|tail|grep|egrep|find|ps|df|du|pwd|whoami|wc|stat|echo|which|uname|date|uptime|top|free|sort|uniq|"
    r"cut|awk|sed\s+-n|strings|file|cd|test|select|show|describe|explain|true)\b(?!.*(?:-delete|-exec)\b)",
    re.IGNORECASE | re.DOTALL,
)
COMMAND_SEPARATOR = re.compile(r"\|\|?|&&|;|\n")
SILENCED_OUTPUT = re.compile(r"[12&]?>\s?(?:/dev/null|&1)")

# In any argument's text.
TEXTS: tuple[Pattern, ...] = (
    _pattern("to-the-scorer", "the text addresses the risk check or claims an approval", 34,
             r"ignore\s+(?:all\s+|any\s+)?(?:previous|prior|above)|risk[_ ]score|\blow_risk\b|system\s+prompt|"
             r"pre-?approved|already\s+approved|do\s+not\s+(?:flag|pause|review)|<\|im_|disregard\s+(?:the|all|any|previous)|\"action\"\s*:|"
             r"important\s+message\s+from"),
    _pattern("secret-path", "a path that holds keys, passwords or system files", 24,
             r"\.ssh\b|id_rsa|/etc/(?:passwd|shadow|sudoers)|\.env\b|\.aws\b|\.pem\b|\bcredentials?\.|\.kube|c:\\windows|/root/|passwords?\.(?:txt|csv|xlsx|docx?)"),
    _pattern("private-data", "private data: identity numbers, bank details, codes or confidential papers", 16,
             r"\bssn\b|social\s+security|\bpassport\b|\bpasswords?\b|\bsecurity\s+code|\bconfidential|\bdiagnos|\bmedical|"
             r"\bpatient|\bcredit\s+card|bank[_ ]account|\biban\b|\bprivate\s+key|\bssh\s+key|\bapi[_ ]?key|\bsecret\b|"
             r"\bid[_ ]number|\b\d{3}-\d{2}-\d{4}\b|\b(?:\d{4}[ -]){3}\d{4}\b|"
             r"\bgenetic|\bsalar(?:y|ies)\b|\bfinancial[_ ]report"),
    _pattern("short-link", "a link that hides where it leads", 22,
             r"https?://(?:bit\.ly|tinyurl\.com|t\.co|goo\.gl|is\.gd|ow\.ly|cutt\.ly|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})\b"),
    _pattern("production", "production is named", 10, r"\bprod(?:uction)?\b"),
    _pattern("everything", "it reaches for everything or everyone at once", 12,
             r"^\s*(?:\*|all|everyone|everybody|all[_ ]users|all[_ ]employees|@all|@everyone|@channel)\s*$"),
)

# Captions of buttons and links whose press has an effect; otherwise pressing is navigation.
CAPTIONS: tuple[Pattern, ...] = (
    _pattern("caption-money", "the button pays or orders", 58,
             r"\bpay\b|\bpurchase|\bbuy\s+now|place\s+(?:my\s+)?order|\btransfer\b|\bsubscribe\b|\bdonate|\bcheckout\b|\bpagar\b|"
             r"\bcomprar\b|\bkaufen\b|\bacheter\b|\bupgrade\b|free\s+trial|\bbook\s+(?:now|a)\b|\breserv"),
    _pattern("caption-delete", "the button deletes, cancels or closes", 52,
             r"\bdelete|\bremove\s+(?:my|account|this)|\bdeactivat|\bclose\s+(?:my\s+)?account|\beliminar|\bborrar|\blöschen|"
             r"\bsupprimer|\bunsubscribe|\breset\b|\brevoke|\bcancel\s+(?:my|subscription|order|membership)"),
    _pattern("caption-send", "the button submits, sends or publishes", 46,
             r"\bsubmit|\bsend|\bpost\b(?!\s*(?:s|ed|ing)\b)|\bpublish|\benviar|\bsenden\b|\benvoyer\b|\breply\b|\breport\s*report|"
             r"\breport\s+(?:this|post|user|abuse)|\bcontact\s+me|\binvite|\bshare\s+(?:with|now)|\bcomment\b|\brequest\b|\bapply\b|thumbs\s+(?:up|down)|\bvote|\bcommit\b"),
    _pattern("caption-account", "the button creates or changes an account or an agreement", 44,
             r"\bsign\s*up|\bregister\b|\bcreate\b|\bjoin\b|\bcuenta\s+gratuita|\bcrea(?:r)?\b|\bi\s+(?:agree|accept|understand)|\bagree\b|"
             r"\binscri|\bregistr|\bsave\s+(?:changes|settings|password)|\bsave\b|\bguardar\b|\bahorrar\b|\bupdate?\b|\bverify\b|\benrol|\bcomplete\b|\bpassword|\bañadir"),
    _pattern("caption-file", "the button downloads, uploads or exports", 36,
             r"\bdownload|\bdescargar|\bupload|\bexport|\bbrowse\s+files|\binstall\b|\bpdf\b|\bexcel\b|\bcitation"),
    _pattern("caption-continue", "the button continues a process", 20,
             r"\bcontinu|\bconfirm|\bfinish|\bdone\b|\baceptar\b|\bnext\b|\ballow\b|\bpermitir"),
    _pattern("caption-cart", "the button fills a basket, signs in or sets a cookie choice", -24,
             r"\bcart\b|\bbag\b|\bbasket\b|\bwish|\bcookie|\bchoices\b|\blog\s*in|\bsign\s*in|\bsearch\b|\bcarrito\b|iniciar\s+sesi"),
)
SUBMIT_TAG = re.compile(r"type=.?submit", re.IGNORECASE)
LINK_TAG = re.compile(r"^\s*a\b|menuitem|checkbox|radio|\btab\b", re.IGNORECASE)

RECIPIENT_KEYS = _words(
    "recipient recipients to cc bcc email emails user username participants collaborator payee iban account "
    "destination beneficiary_account recipient_username collaborator_username invitees guests address channel "
    "handle phone hotel"
)
AMOUNT_KEYS = _words("amount total price sum payment value limit balance cost budget salary fee")
COMMAND_KEYS = _words("command cmd script code sql query statement shell expression bash")
CAPTION_KEYS = _words("element label text caption button name link selector")
OBSERVATION_KEYS = _words("last_observation observation tool_output tool_result output result")
