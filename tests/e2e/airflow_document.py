"""Airflow's own OpenAPI document, and what an answer must be by it: of JSON Schema what the document uses."""
import datetime
import json
import re
import uuid

KINDS = {"null": type(None), "boolean": bool, "string": str, "object": dict, "array": list}
# What says nothing about a value alone.
SAID = {"type", "anyOf", "oneOf", "$ref", "enum", "const", "format", "properties", "required", "additionalProperties",
        "items", "prefixItems", "minItems", "maxItems", "minimum", "maxLength", "minLength", "pattern", "maximum",
        "discriminator"}


def is_kind(value, kind):
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, KINDS[kind])


def is_format(text, name):
    try:
        if name == "uuid":
            return str(uuid.UUID(text)) == text.lower()
        if name == "date-time":
            moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
            return "T" in text and moment.tzinfo is not None
        if name == "date":
            return bool(datetime.date.fromisoformat(text))
        if name == "duration":
            return bool(re.fullmatch(r"-?P(?=.)(\d+D)?(T(\d+H)?(\d+M)?([\d.]+S)?)?", text))
    except ValueError:
        return False
    raise AssertionError(f"the document has a format that this does not know: {name}")


class Document:
    def __init__(self, path):
        self.whole = json.loads(path.read_text())
        self.schemas = self.whole["components"]["schemas"]
        self.operations = {operation["operationId"]: (method.upper(), pattern, operation)
                           for pattern, methods in self.whole["paths"].items() for method, operation in methods.items()}

    def schema_of(self, operation_id, status):
        """(whether the document knows the status, the schema of its JSON or None)."""
        responses = self.operations[operation_id][2]["responses"]
        if str(status) not in responses:
            return False, None
        content = responses[str(status)].get("content", {})
        return True, content.get("application/json", {}).get("schema")

    def mismatch(self, value, schema, at="answer"):
        """The first thing that is not as the schema says; "" when all is."""
        assert set(schema) <= SAID, f"a schema has words that this does not know: {set(schema) - SAID}"
        if "$ref" in schema:
            return self.mismatch(value, self.schemas[schema["$ref"].rsplit("/", 1)[1]], at)
        for word in ("anyOf", "oneOf"):  # a cleared task instance is both of its two, in Airflow's answers as well
            if word in schema:
                wrong = [self.mismatch(value, one, at) for one in schema[word]]
                if "" not in wrong:
                    return f"{at} is none of {len(wrong)}: {'; '.join(wrong)}"
        return self.plain_mismatch(value, schema, at)

    def plain_mismatch(self, value, schema, at):
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if kinds and not any(is_kind(value, kind) for kind in kinds):
            return f"{at} is no {'/'.join(kinds)}: {json.dumps(value)[:80]}"
        if "enum" in schema and value not in schema["enum"]:
            return f"{at} is none of {schema['enum']}: {value!r}"
        if "const" in schema and value != schema["const"]:
            return f"{at} is not {schema['const']!r}: {value!r}"
        if "minimum" in schema and is_kind(value, "number") and value < schema["minimum"]:
            return f"{at} is less than {schema['minimum']}: {value}"
        if "maximum" in schema and is_kind(value, "number") and value > schema["maximum"]:
            return f"{at} is more than {schema['maximum']}: {value}"
        if isinstance(value, str):
            if "format" in schema and not is_format(value, schema["format"]):
                return f"{at} is no {schema['format']}: {value!r}"
            if len(value) > schema.get("maxLength", len(value)) or len(value) < schema.get("minLength", 0):
                return f"{at} is too long or too short: {value!r}"
            if "pattern" in schema and not re.search(schema["pattern"], value):
                return f"{at} does not match {schema['pattern']}: {value!r}"
        if isinstance(value, list):
            return self.list_mismatch(value, schema, at)
        if isinstance(value, dict):
            return self.object_mismatch(value, schema, at)
        return ""

    def list_mismatch(self, value, schema, at):
        if len(value) < schema.get("minItems", 0) or len(value) > schema.get("maxItems", len(value)):
            return f"{at} has {len(value)} items"
        heads = schema.get("prefixItems", [])
        for number, item in enumerate(value):
            of = heads[number] if number < len(heads) else schema.get("items", {})
            if wrong := self.mismatch(item, of, f"{at}[{number}]"):
                return wrong
        return ""

    def object_mismatch(self, value, schema, at):
        for name in schema.get("required", []):
            if name not in value:
                return f"{at} lacks {name}"
        known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        for name, member in value.items():
            if name not in known and more is False:
                return f"{at} has {name}, which is not in the document"
            of = known.get(name, more if isinstance(more, dict) else {})
            if wrong := self.mismatch(member, of, f"{at}/{name}"):
                return wrong
        return ""
