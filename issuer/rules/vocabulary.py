"""The names that a rule may use."""

# The list macros of the CEL language definition, "Macros"; `existsOne` is the library's other name of one.
MACROS = frozenset({"all", "exists", "exists_one", "existsOne", "filter", "map"})

# What the library offers of the CEL standard functions; `has` is a macro, which programs do not list.
STANDARD_FUNCTIONS = frozenset({
    "bytes", "contains", "double", "duration", "dyn", "endsWith", "getDate", "getDayOfMonth",
    "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours", "getMilliseconds", "getMinutes",
    "getMonth", "getSeconds", "int", "matches", "size", "startsWith", "string", "timestamp",
    "type", "uint",
})  # fmt: skip

# Names of types, which `type(x) == string` compares with.
TYPES = frozenset({
    "bool", "bytes", "double", "duration", "int", "list", "map", "null_type", "string", "timestamp",
    "type", "uint",
})  # fmt: skip

IDENTITY_VARIABLES = frozenset({"attributes", "authLevel", "backend", "groups", "now", "uid"})
ADDRESS = "ip"
# Every request has one: where the request says None, it could not be told.
REQUEST_VARIABLES = frozenset({ADDRESS, "module"})
# Only some places have these, but nowhere may a directory attribute be taken for one of them.
PLACE_VARIABLES = frozenset({"room", "tenant"})
# What neither an attribute nor a macro can be called.
RESERVED_NAMES = (
    IDENTITY_VARIABLES | REQUEST_VARIABLES | PLACE_VARIABLES | TYPES | STANDARD_FUNCTIONS | MACROS
)

# Attributes that need no warning: RFC 4519, RFC 2798, OIDC Core §5.1, eduPerson, Active Directory.
WELL_KNOWN_ATTRIBUTES = frozenset({
    "c", "cn", "departmentNumber", "description", "displayName", "employeeNumber", "employeeType",
    "entryUUID", "givenName", "initials", "jpegPhoto", "l", "labeledURI", "mail", "manager",
    "memberOf", "mobile", "o", "ou", "postalCode", "preferredLanguage", "sn", "st", "street",
    "telephoneNumber", "title", "address", "birthdate", "email", "email_verified", "family_name",
    "gender", "given_name", "locale", "middle_name", "name", "nickname", "phone_number",
    "phone_number_verified", "picture", "preferred_username", "profile", "sub", "updated_at",
    "website", "zoneinfo", "eduPersonAffiliation", "eduPersonEntitlement", "eduPersonPrincipalName",
    "eduPersonScopedAffiliation", "company", "department", "sAMAccountName", "userPrincipalName",
})  # fmt: skip
