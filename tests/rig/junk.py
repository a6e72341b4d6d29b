"""Requests that no client should send: values near a schema, and values near nothing."""

from hypothesis import strategies as st

# What has broken parsers before.
NASTY_TEXT = st.sampled_from([
    "", " ", "\x00", "a\x00b", "%s%n", "../../etc/passwd", "'; DROP TABLE zones; --", "\u202e",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "x" * 5000, "-0", "NaN",
    "0 0 * * *", "* * * * * *", "at 2026-02-30 08:00", "99999999999-01-01T00:00:00Z",
    "2026-01-01T00:00:00+99:99", "-1", "1e9", "hw:0,0", "wav:/etc/passwd", "wav:", "\n", "村",
])  # fmt: skip
NASTY_NUMBER = st.sampled_from([
    0, -1, 1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**64, 10**400, 1e308, -1e308, 1e-320, 0.5,
])  # fmt: skip
SCALAR = st.one_of(
    st.none(), st.booleans(), NASTY_NUMBER, NASTY_TEXT, st.integers(), st.text(max_size=40),
    st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip
ANYTHING = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=12) | NASTY_TEXT, inner, max_size=4),
    max_leaves=12,
)


def near(schema, follow, depth=0):
    """Values that fit a JSON schema more or less: the types, enums and bounds, seldom the
    patterns. `follow` resolves references."""
    schema = follow(schema)
    if schema is True or schema is None or depth > 6:
        return ANYTHING
    for key in ("oneOf", "anyOf"):
        if key in schema:
            return st.one_of([near(s, follow, depth + 1) for s in schema[key]])
    if "allOf" in schema:
        merged = {"properties": {}, "required": []}
        for part in [*schema["allOf"], schema]:
            part = follow(part)
            merged["properties"].update(part.get("properties", {}))
            merged["required"] += part.get("required", [])
        return near({"type": "object", **merged}, follow, depth + 1)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    examples = schema.get("examples") or ([schema["example"]] if "example" in schema else [])
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    made = st.one_of([_of_type(k, schema, follow, depth) for k in kinds])
    return st.one_of(st.sampled_from(examples), made) if examples else made


def _of_type(kind, schema, follow, depth):
    if kind == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        required = set(schema.get("required", []))
        made = {k: near(v, follow, depth + 1) for k, v in properties.items()}
        return st.fixed_dictionaries(
            {k: v for k, v in made.items() if k in required},
            optional={k: v for k, v in made.items() if k not in required},
        )
    if kind == "array":
        return st.lists(near(schema.get("items", {}), follow, depth + 1), max_size=4)
    if kind == "integer":
        low = schema.get("minimum", -5)
        return st.integers(low, schema.get("maximum", low + 1000)) | st.integers(1, 5)
    if kind == "number":
        return st.floats(schema.get("minimum", -100), schema.get("maximum", 100))
    if kind == "boolean":
        return st.booleans()
    if kind == "null":
        return st.none()
    if kind == "string":
        return st.one_of(
            st.text(min_size=schema.get("minLength", 0), max_size=30), NASTY_TEXT,
            st.from_regex(schema["pattern"], fullmatch=True) if "pattern" in schema
            else st.sampled_from(["name", "* * * * *", "2026-12-01T08:00:00+08:00"]),
        )  # fmt: skip
    return ANYTHING


@st.composite
def spoiled(draw, values):
    """One of the values with one thing in it changed, taken out or put in."""
    value = draw(values)
    places = list(_places(value))
    if not places:
        return draw(ANYTHING)
    holder, key = draw(st.sampled_from(places))
    act = draw(st.sampled_from(["change", "drop", "add"]))
    if act == "change":
        holder[key] = draw(ANYTHING)
    elif act == "drop":
        del holder[key]
    elif isinstance(holder, dict):
        holder[draw(NASTY_TEXT | st.text(max_size=8))] = draw(ANYTHING)
    else:
        holder.extend([holder[key]] * draw(st.sampled_from([1, 50, 2000])))
    return value


def _places(value):
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])
