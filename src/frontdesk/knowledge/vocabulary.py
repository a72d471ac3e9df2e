"""What English customers' questions have in common: words that say nothing, and words that say the same.

Owns word lists only; nothing here is about one business. The lists were written by hand for customer service in
general. `analysis` applies them.
"""

FUNCTION_WORDS = frozenset(
    """
    a about actually also although am an and any anybody anyone anything anyway anywhere are as ask at be because
    been being best both but by bye can could curious d did do does doing don easily easy ensure
    etc ever exactly for from go goes going gonna got had has have having he hello help
    her here hey hi him his how however i if im in into is isn it its itself just kind know let like ll looking m
    may me mean might mine most must my myself need needed needs of ok okay on
    onto or our ours out over particular please possible possibility possibly put re really right s say
    see shall she should simple simply so somehow something sort sorry specific such sure
    tell than thank thanks that the their them then there these they thing things think this those to
    too trying try understand until up upon us ve very via want wanted wants was way ways we well were
    what whats when where which while who whom whose why will wish with within wonder wondering would
    yes yet you your yours yourself
    """.split()  # noqa: SIM905  a paragraph of words reads better than a list of strings
)
"""Words that any question may hold, whatever it is about."""

LIGHT_WORDS = frozenset(
    """
    all article before cannot else every get gets getting give given good goods half item items less made make makes
    making method more never no none nor not off one only option options other own policy product products question
    same several some somebody someone still stuff t take takes type use used uses using without won
    """.split()  # noqa: SIM905
)
"""Words that say little by themselves and yet may turn a question into another one."""

ASKING_WORDS = {
    "when": "time",
    "where": "place",
    "who": "person",
    "why": "reason",
    "howmuch": "price",
    "howmany": "quantity",
    "howlong": "time",
    "howoften": "frequency",
}
"""Words that tell which kind of answer is wanted, with the sense they share with plain words."""

PHRASES = {
    ("how", "much"): "howmuch",
    ("how", "many"): "howmany",
    ("how", "long"): "howlong",
    ("how", "soon"): "howlong",
    ("how", "fast"): "howlong",
    ("what", "time"): "when",
    ("how", "often"): "howoften",
    ("sign", "up"): "signup",
    ("sign", "in"): "login",
    ("log", "in"): "login",
    ("sign", "out"): "logout",
    ("log", "out"): "logout",
    ("get", "rid"): "remove",
    ("money", "back"): "refund",
    ("send", "back"): "return",
    ("bring", "back"): "return",
    ("e", "mail"): "email",
    ("e", "mails"): "email",
    ("wi", "fi"): "wifi",
    ("set", "up"): "setup",
    ("back", "up"): "backup",
    ("turn", "off"): "disable",
    ("switch", "off"): "disable",
    ("turn", "on"): "enable",
    ("switch", "on"): "enable",
    ("opt", "out"): "unsubscribe",
    ("pick", "up"): "pickup",
}
"""Two words that are one."""

NEGATION = "negation"
"""The sense of the words that turn a question into its opposite."""

SENSES = {
    NEGATION: "no none not never cannot nor t without",
    "somebody": "somebody someone",
    "time": "hour time schedule",
    "duration": "duration long time howlong",
    "place": "location address place located situated directions find",
    "price": "price cost fee charge pricing expensive",
    "reason": "reason cause",
    "quantity": "number amount quantity limit maximum",
    "person": "agent human representative person staff",
    "people": "people person user contact",
    "delivery": "deliver delivery ship shipping shipment dispatch arrive arrival courier",
    "refund": "refund reimburse reimbursement",
    "swap": "exchange swap",
    "replace": "replace replacement substitute",
    "purchase": "buy purchase order",
    "cancel": "cancel cancellation terminate",
    "remove": "delete deletion remove removal erase",
    "create": "create register registration signup add setup",
    "insert": "insert add include introduce embed",
    "login": "login signin",
    "password": "password passcode passphrase",
    "change": "change modify edit update alter",
    "contact": "contact reach call talk speak",
    "phone": "phone telephone mobile call",
    "email": "email mail message",
    "fault": "broken damaged faulty defective",
    "problem": "problem issue error trouble",
    "search": "find search locate look",
    "lost": "lost missing",
    "job": "job career vacancy hiring",
    "discount": "discount coupon voucher promotion promo",
    "bill": "invoice bill receipt",
    "warranty": "warranty guarantee",
    "abroad": "international internationally worldwide abroad overseas foreign",
    "child": "child children kid",
    "picture": "photo picture image pic",
    "allow": "allow accept permit permission",
    "stop": "stop disable prevent deactivate block",
    "wireless": "wifi wireless",
    "booking": "reserve reservation book booking appointment",
    "show": "show see view display browse",
    "work": "work function operate run",
    "many": "multiple several many various",
    "save": "save export download",
    "company": "company business firm",
    "speed": "quick quickly fast rapid speed",
    "shop": "shop store",
    "gift": "gift present",
    "parcel": "parcel package packet",
    "stock": "stock available availability",
    "clothes": "clothes clothing apparel garment",
    "pickup": "pickup collect collection",
    "assistance": "support assistance assist",
    "plan": "plan subscription",
    "member": "member user",
    "means": "method option",
    "payment": "pay payment paid",
    "point": "point position spot location",
    "hide": "hide conceal",
    "text": "text txt",
    "website": "website site webpage",
    "application": "application app",
    "spreadsheet": "spreadsheet sheet",
    "document": "document doc",
    "advertisement": "advertisement advert ad",
    "information": "information info details",
    "account": "account profile",
    "transfer": "transfer move migrate",
    "copy": "copy duplicate",
    "merge": "merge combine join",
    "restore": "restore recover recovery",
    "begin": "start begin",
    "end": "finish end",
}
"""Words that stand for one another, one line for each sense; a word may have several."""

DERIVATIONS = ("i", "y", "er", "or", "ion", "al", "ment", "abl", "ive", "ness", "anc", "e")
"""Endings that the stemmer leaves on and that do not change what a word is about."""
