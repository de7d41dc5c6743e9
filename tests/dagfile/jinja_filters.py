"""Records jinja_filters.txt: what Jinja2 makes of expressions, each with its value as JSON.

Opt-in, for it needs jinja2: python3 tests/dagfile/jinja_filters.py > tests/dagfile/jinja_filters.txt
Split and fromjson are no filters of Jinja's: they are Python's str.split and json.loads.
"undefined" and "error" stand for Jinja's UndefinedError and for any other that it raises."""
import json

import jinja2

PARAMS = {
    "words": ["pear", "Apple", "fig", "apple", "Fig"],
    "numbers": [3, 1, 2.5, 10, -4, 1],
    "rows": [{"name": "b", "n": 2, "ok": True, "deep": {"x": [7, 8]}}, {"name": "A", "n": 10, "ok": False, "deep": {"x": [1]}},
             {"name": "a", "n": 2, "ok": True, "deep": {"x": [5]}}],
    "gaps": [{"a": 1}, {"b": 2}, {"a": 3}],
    "text": " a b  c ", "csv": "x,y,,z", "none": None, "yes": True, "no": False, "zero": 0, "empty": [], "blank": "",
    "accents": "AÇÃO é Ñ", "ready": "42", "half": "2.5", "hex": "0xff", "half_number": 2.5, "json": '{"a": 1}', "object": {"a": 1, "b": 2},
}
EXPRESSIONS = [
    "params.ready | int", "params.half | int", "'x' | int", "'x' | int(7)", "'x' | int(default=8)", "'ff' | int(base=16)",
    "params.hex | int(0, 16)", "'0b101' | int(0, 2)", "'1_000' | int", "'1__0' | int", "' -7 ' | int", "'+7' | int", "'' | int",
    "params.none | int", "params.yes | int", "params.half_number | int", "-2.5 | int", "params.empty | int(3)",
    "params.half | float", "'1e3' | float", "'x' | float", "'x' | float(1.5)", "7 | float", "params.none | float", "'-.5' | float",
    "params.text | trim", "'xxaxx' | trim('x')", "params.text | replace(' ', '')", "'aaa' | replace('a', 'b', 2)", "'aaa' | replace('x', 'b')",
    "'aaaa' | replace('aa', 'a')", "params.accents | lower", "params.accents | upper", "params.accents | length",
    "params.words | join(', ')", "params.words | join", "params.rows | join('-', attribute='name')", "'abc' | join('.')",
    "params.words | sort", "params.words | sort(reverse=true)", "params.words | sort(case_sensitive=true)", "params.numbers | sort",
    "params.numbers | sort(true)", "params.rows | sort(attribute='name') | map(attribute='n') | list",
    "params.rows | sort(attribute='n') | map(attribute='name') | list", "params.rows | sort(attribute='n,name') | map(attribute='name') | list",
    "params.rows | sort(attribute='deep.x.0') | map(attribute='name') | list", "[1, 'a'] | sort", "params.object | sort",
    "params.words | unique | list", "params.words | unique(true) | list", "params.numbers | unique | list",
    "params.rows | unique(attribute='name') | map(attribute='n') | list", "params.words | first", "params.words | last", "params.empty | first",
    "params.empty | last", "'abc' | first", "'abc' | last", "params.object | first", "params.rows | map(attribute='deep.x.0') | list",
    "params.gaps | map(attribute='a', default=0) | list", "params.words | map('upper') | list", "params.words | map('replace', 'p', 'b') | list",
    "params.words | map('length') | list", "params.rows | selectattr('ok') | map(attribute='name') | list",
    "params.rows | rejectattr('ok') | map(attribute='name') | list", "params.rows | selectattr('n', 'equalto', 2) | map(attribute='name') | list",
    "params.rows | selectattr('n', 'gt', 2) | map(attribute='name') | list", "params.rows | selectattr('n', '<=', 2) | map(attribute='name') | list",
    "params.rows | selectattr('name', 'in', ['a', 'b']) | map(attribute='n') | list", "params.gaps | selectattr('a', 'defined') | list",
    "params.gaps | selectattr('a', 'undefined') | list", "params.gaps | rejectattr('a', 'defined') | list", "params.gaps | selectattr('a', 'eq', 1) | list",
    "params.numbers | select('odd') | list", "[1, 2, 3, 4] | select('even') | list", "[1, 2, 3, 4] | reject('divisibleby', 3) | list",
    "params.words | select('lower') | list", "params.words | reject('upper') | list", "[0, 1, '', 'a', none, [], [0]] | select | list",
    "[0, 1, '', 'a', none, [], [0]] | reject | list", "['a', 'b'] | select('in', 'abc') | list", "[1, 2] | select('ne', 1) | list",
    "[1, 'a', none, true, 2.5, [], {}] | map('string') | first", "[1, 'a', none, 2.5] | select('number') | list",
    "[1, 'a', none, 2.5] | select('string') | list", "[1, 'a', none, 2.5] | select('none') | list", "[1, true, 2.5] | select('boolean') | list",
    "[1, 2.5] | select('integer') | list", "[1, 2.5] | select('float') | list", "[{}, [], 'a', 1] | select('mapping') | list",
    "params.numbers | min", "params.numbers | max", "params.words | min", "params.words | max(case_sensitive=true)", "params.empty | max",
    "params.rows | max(attribute='n') ", "params.numbers | sum", "[1, 2] | sum(start=10)", "params.rows | sum(attribute='n')", "params.empty | sum",
    "-3 | abs", "-2.5 | abs", "2.5 | round", "3.5 | round", "2.675 | round(2)", "2.1 | round(0, 'ceil')", "2.9 | round(method='floor')", "7 | round",
    "2.345 | round(2, 'floor')", "'abc' | reverse", "[1, 2, 3] | reverse | list", "'abc' | list", "params.object | list", "params.object | length",
    "params.none | default('x')", "params.none | default('x', true)", "params.zero | default(5, boolean=true)", "params.missing | default('x')",
    "params.missing | default(params.ready)", "params.blank | d('x', true)", "params.missing", "(params.rows | first).name", "(params.rows | first).deep.x[1]",
    "[params.ready, 1]", "{'a': params.ready, 'b': [1]}", "('a' ) | upper", "params.words | first | upper | lower", "'a\\nb' | length",
    "params.text | split", "params.csv | split(',')", "params.csv | split(',', 1)", "params.text | split(none, 1)", "'' | split", "'' | split(',')",
    "params.text | split(maxsplit=1)", "'a--b' | split('--')", "'[1, {}]' | fromjson", "(params.json | fromjson).a", "'x' | fromjson",
    "'x' | fromjson | default(1)", "params.rows | map(attribute='name') | map('upper') | join('+')", "params.rows | map(attribute='missing') | list",
]

environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
environment.filters["split"] = lambda text, sep=None, maxsplit=-1: text.split(sep, maxsplit)
environment.filters["fromjson"] = json.loads


def value_of(expression):
    try:
        value = environment.compile_expression(expression, undefined_to_none=False)(params=PARAMS)
        if isinstance(value, jinja2.Undefined):
            return "undefined"
        if hasattr(value, "__next__") or type(value).__name__ in ("dict_keys", "generator"):
            value = list(value)
        if isinstance(value, list) and any(isinstance(item, jinja2.Undefined) for item in value):
            return "undefined"
        return json.dumps(value, ensure_ascii=False)
    except jinja2.UndefinedError:
        return "undefined"
    except Exception:
        return "error"


print(json.dumps(PARAMS, ensure_ascii=False))
for each in EXPRESSIONS:
    print(each + "\t" + value_of(each))
