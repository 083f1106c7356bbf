# Checks properties by JSON schemas. The program arrives on stdin (see properties_schema.cpp), then one line a check,
# until the end of input:
#
#   request  {"schema": {...}, "properties": {...} or null}     null: the schema alone
#   reply    "ready" once, then for each request one line: ["what is wrong", ...]
#
# Replies hold names of keys and what schemas say, and nothing of a property's value: it may be a secret. So the
# library's messages, which quote values, are never used.

import json
import re
import resource
import signal
import ssl
import sys
from copy import deepcopy
from datetime import datetime

# Debian's library and no other: site-packages are switched off, so that none found by chance decides.
sys.path.append('/usr/lib/python3/dist-packages')
from jsonschema import Draft202012Validator, FormatChecker, RefResolver
from jsonschema.exceptions import RefResolutionError, ValidationError
from jsonschema.validators import extend, validates

DRAFT = 'https://json-schema.org/draft/2020-12/schema'
TYPES_OF_DRAFT = 'https://json-schema.org/draft/2020-12/meta/validation'
CPU_SECONDS = float(sys.argv[1])
MOST_COMPLAINTS = 40
LONGEST_COMPLAINT = 1000

# Keywords whose value is a schema, a list of schemas, or a mapping to schemas.
SINGLE = ('not', 'if', 'then', 'else', 'items', 'contains', 'additionalProperties', 'propertyNames',
          'unevaluatedItems', 'unevaluatedProperties', 'contentSchema')
LISTS = ('allOf', 'anyOf', 'oneOf', 'prefixItems')
MAPS = ('$defs', 'definitions', 'properties', 'patternProperties', 'dependentSchemas')


class LocalResolver(RefResolver):
    """Follows references into the schema itself; the library would fetch others from the network or read files."""

    def resolve_remote(self, uri):
        raise RefResolutionError('outside of the schema')


def is_certificate(_checker, value):
    if not isinstance(value, str) or not value.isascii():
        return False
    if value == '':  # BOSH's director takes it for "none"
        return True
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=value)
        return True
    except ssl.SSLError:
        return False


def expression(pattern):
    """A pattern as schemas mean it: `$` is the end and not the place before a last newline, \\d and \\w are ASCII."""
    text = ''
    in_class = False
    i = 0
    while i < len(pattern):
        c = pattern[i]
        if c == '\\':
            text += pattern[i:i + 2]
            i += 2
            continue
        if c == '[':
            in_class = True
        elif c == ']':
            in_class = False
        if c == '$' and not in_class:
            text += r'\Z'
        elif pattern.startswith('(?<', i) and pattern[i + 3:i + 4] not in ('=', '!') and not in_class:
            text += '(?P<'
            i += 2
        else:
            text += c
        i += 1
    return re.compile(text, re.ASCII)


def matches(pattern, text):
    return expression(pattern).search(text) is not None


def undeclared(instance, schema):
    """Keys that neither `properties` nor `patternProperties` speak of."""
    patterns = schema.get('patternProperties', {})
    return [key for key in instance
            if key not in schema.get('properties', {}) and not any(matches(p, key) for p in patterns)]


# The library's own read patterns as Python does. Their errors say no more than which keyword failed.
def check_pattern(validator, pattern, instance, _schema):
    if isinstance(instance, str) and not matches(pattern, instance):
        yield ValidationError('')


def check_pattern_properties(validator, patterns, instance, _schema):
    if isinstance(instance, dict):
        for pattern, subschema in patterns.items():
            for key, value in instance.items():
                if matches(pattern, key):
                    yield from validator.descend(value, subschema, path=key, schema_path=pattern)


def check_additional_properties(validator, subschema, instance, schema):
    if not isinstance(instance, dict):
        return
    extra = undeclared(instance, schema)
    if subschema is False:
        if extra:
            yield ValidationError('')
        return
    for key in extra:
        yield from validator.descend(instance[key], subschema, path=key)


def check_property_names(validator, subschema, instance, _schema):
    if isinstance(instance, dict):
        for key in instance:
            errors = list(validator.descend(key, subschema))
            if errors:
                failure = ValidationError('', context=errors)
                failure.key = key
                yield failure


formats = FormatChecker(formats=('date', 'email', 'idn-email', 'ipv4', 'ipv6', 'regex', 'uuid'))


@formats.checks('hostname')
def is_hostname(value):
    if not isinstance(value, str):
        return True
    label = r'[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
    return len(value) <= 253 and re.fullmatch(label + r'(\.' + label + ')*', value) is not None


@formats.checks('date-time', raises=ValueError)
def is_date_time(value):
    if not isinstance(value, str):
        return True
    shape = r'\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)'
    return re.fullmatch(shape, value, re.ASCII) is not None and bool(
        datetime.fromisoformat(re.sub(r'\.\d+', '', value.upper())))


# Registered, since the library looks the class of a schema with `$schema` up by it.
Checker = validates('slipway')(extend(
    Draft202012Validator,
    validators={'pattern': check_pattern, 'patternProperties': check_pattern_properties,
                'additionalProperties': check_additional_properties, 'propertyNames': check_property_names},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine('certificate', is_certificate)))


def checker_of_schemas():
    """The draft's own schema of schemas, which knows one type more."""
    meta = Draft202012Validator.META_SCHEMA
    types = deepcopy(LocalResolver.from_schema(meta).store[TYPES_OF_DRAFT])
    types['$defs']['simpleTypes']['enum'].append('certificate')
    return Draft202012Validator(meta, resolver=LocalResolver.from_schema(meta, store={TYPES_OF_DRAFT: types}))


def short(text, most=200):
    text = ''.join(c if c.isprintable() else '?' for c in text)
    return text if len(text) <= most else text[:most] + '...'


def shown(value):  # of a schema, never of a property
    return short(json.dumps(value, ensure_ascii=False))


def listed(names):
    return short(', '.join(f"'{short(str(name), 100)}'" for name in names), 400)


def pointer(path):
    return '#' + ''.join('/' + short(str(part).replace('~', '~0').replace('/', '~1'), 100) for part in path)


def dotted(path):
    text = ''
    for part in path:
        if isinstance(part, int):
            text += f'[{part}]'
        else:
            text += ('.' if text else '') + short(part, 100)
    return text


def kind(value):
    if value is None:
        return 'null (not set)'
    for known, name in ((bool, 'a boolean'), (int, 'an integer'), (float, 'a number'), (str, 'a string'),
                        (list, 'an array'), (dict, 'an object')):
        if isinstance(value, known):
            return name
    return 'of an unknown type'


def wrong_type(wanted, value):
    wanted = wanted if isinstance(wanted, list) else [wanted]
    if 'certificate' in wanted and isinstance(value, str):
        return 'is a string, but no certificate in PEM'
    return f"is {kind(value)}, allowed is {' or '.join(wanted)}"


def alternatives(error):
    """Why each schema of anyOf or oneOf refused, the first reasons of each."""
    by_schema = {}
    for inner in error.context:
        by_schema.setdefault(inner.relative_schema_path[0], []).append(inner)
    reasons = []
    for number, errors in sorted(by_schema.items())[:5]:
        inside = [complaint(inner.relative_path, inner, '') for inner in errors[:2]]
        reasons.append(f"({number + 1}) {'; '.join(inside)}")
    return short(' '.join(reasons), 700)


def rule(error):
    value, wanted = error.instance, error.validator_value
    keyword = error.validator
    if keyword == 'type':
        return wrong_type(wanted, value)
    if keyword == 'required':
        return f'lacks {listed(name for name in wanted if name not in value)}'
    if keyword == 'dependentRequired':
        return 'lacks ' + '; '.join(f"{listed(n for n in needs if n not in value)}, needed beside '{short(name, 100)}'"
                                    for name, needs in wanted.items()
                                    if name in value and any(n not in value for n in needs))
    if keyword == 'additionalProperties':
        known = listed(error.schema.get('properties', {}))
        return f"has {listed(undeclared(value, error.schema))}, allowed is {known or 'no key'}"
    if keyword == 'propertyNames':
        return f"has the key '{short(error.key, 100)}', which {rule(error.context[0])}"
    if keyword in ('anyOf', 'oneOf'):
        if not error.context:
            return f'fits more than one of the schemas of {keyword}'
        return f'fits none of the schemas of {keyword}: {alternatives(error)}'
    if keyword is None:
        return 'is not allowed'
    return FAILED[keyword](wanted) if keyword in FAILED else f"breaks the rule '{short(keyword, 100)}'"


FAILED = {
    'enum': lambda wanted: f'is none of the allowed {shown(wanted)}',
    'const': lambda wanted: f'is not {shown(wanted)}, the only value allowed',
    'pattern': lambda wanted: f'does not match the pattern {shown(wanted)}',
    'format': lambda wanted: f'is not of the format {shown(wanted)}',
    'minimum': lambda wanted: f'is less than {shown(wanted)}',
    'maximum': lambda wanted: f'is more than {shown(wanted)}',
    'exclusiveMinimum': lambda wanted: f'is not more than {shown(wanted)}',
    'exclusiveMaximum': lambda wanted: f'is not less than {shown(wanted)}',
    'multipleOf': lambda wanted: f'is no multiple of {shown(wanted)}',
    'minLength': lambda wanted: f'is shorter than {shown(wanted)}',
    'maxLength': lambda wanted: f'is longer than {shown(wanted)}',
    'minItems': lambda wanted: f'has fewer items than {shown(wanted)}',
    'maxItems': lambda wanted: f'has more items than {shown(wanted)}',
    'items': lambda wanted: 'has more items than are allowed',
    'uniqueItems': lambda wanted: 'has an item twice',
    'contains': lambda wanted: 'has no item that it needs (contains)',
    'minContains': lambda wanted: f'has fewer items of the kind it needs than {shown(wanted)} (minContains)',
    'maxContains': lambda wanted: f'has more items of the kind it needs than {shown(wanted)} (maxContains)',
    'minProperties': lambda wanted: f'has fewer keys than {shown(wanted)}',
    'maxProperties': lambda wanted: f'has more keys than {shown(wanted)}',
    'unevaluatedProperties': lambda wanted: 'has keys that no rule allows (unevaluatedProperties)',
    'unevaluatedItems': lambda wanted: 'has items that no rule allows (unevaluatedItems)',
    'not': lambda wanted: "fits the schema of 'not'",
}


def complaint(path, error, whole):
    place = dotted(path)
    return (f"'{place}' " if place else whole) + rule(error)


class SchemaWalk:
    """What the schema of schemas does not see: references, patterns, another draft inside."""

    def __init__(self, schema):
        self.resolver = LocalResolver.from_schema(schema)
        self.problems = []
        self.visit(schema, [])

    def visit(self, schema, path):
        if not isinstance(schema, dict):
            return
        scope = schema.get('$id') if path else None
        if scope:
            self.resolver.push_scope(scope)
        if path and schema.get('$schema', DRAFT).rstrip('#') != DRAFT:
            self.add(path + ['$schema'], f'must be "{DRAFT}"')
        for keyword in ('$ref', '$dynamicRef'):
            if keyword in schema:
                self.check_reference(path + [keyword], schema[keyword])
        if 'pattern' in schema:
            self.check_pattern(path + ['pattern'], schema['pattern'])
        for pattern in schema.get('patternProperties', {}):
            self.check_pattern(path + ['patternProperties', pattern], pattern)
        for keyword in SINGLE:
            self.visit(schema.get(keyword), path + [keyword])
        for keyword in LISTS:
            for index, inner in enumerate(schema.get(keyword, [])):
                self.visit(inner, path + [keyword, index])
        for keyword in MAPS:
            for name, inner in schema.get(keyword, {}).items():
                self.visit(inner, path + [keyword, name])
        if scope:
            self.resolver.pop_scope()

    def add(self, path, text):
        self.problems.append(f'{pointer(path)}: {text}')

    def check_reference(self, path, reference):
        try:
            self.resolver.resolve(reference)
        except Exception:  # whatever the library makes of a strange one
            self.add(path, f'{shown(reference)} is nothing in this schema, and nothing is fetched from elsewhere')

    def check_pattern(self, path, pattern):
        try:
            expression(pattern)
        except Exception as error:  # not re.error alone: repetitions may overflow, groups be too deep
            self.add(path, f'the pattern cannot be read: {short(str(error))}')


def problems_of(schema):
    if '$schema' not in schema:
        return [f'$schema is missing, it must be "{DRAFT}"']
    if not isinstance(schema['$schema'], str) or schema['$schema'].rstrip('#') != DRAFT:
        return [f'$schema is {shown(schema["$schema"])}, it must be "{DRAFT}"']
    errors = sorted(meta_checker.iter_errors(schema), key=lambda error: pointer(error.absolute_path))
    problems = [f'{pointer(error.absolute_path)}: {rule(error)}' for error in errors]
    return problems or SchemaWalk(schema).problems


def violations_of(schema, properties):
    checker = Checker(schema, resolver=LocalResolver.from_schema(schema), format_checker=formats)
    found = []
    for error in checker.iter_errors(properties):
        text = complaint(error.absolute_path, error, 'all of it ')
        if text not in found:
            found.append(text)
        if len(found) > MOST_COMPLAINTS:
            break
    return sorted(found)


known_schemas = {}  # text → its problems


def check(request):
    schema, properties = request['schema'], request['properties']
    try:
        text = json.dumps(schema)
        if text not in known_schemas:
            known_schemas[text] = [f'properties_schema.json: {problem}' for problem in problems_of(schema)]
        if known_schemas[text] or properties is None:
            return known_schemas[text]
        return violations_of(schema, properties)
    except RecursionError:
        return ['properties_schema.json: it refers to itself without end, or is nested too deep']
    except MemoryError:
        return ['properties_schema.json: it needs more memory than it may have']
    except RefResolutionError:
        return ['properties_schema.json: a reference leads nowhere in this schema, and nothing is fetched from elsewhere']
    except Exception as error:  # its text may quote a value
        return [f'properties_schema.json: it cannot be applied ({type(error).__name__})']


def limited(complaints):
    if len(complaints) > MOST_COMPLAINTS:
        complaints = complaints[:MOST_COMPLAINTS] + ['there is more']
    return [short(text, LONGEST_COMPLAINT) for text in complaints]


def answer(value):
    line = json.dumps(value, ensure_ascii=False) + '\n'
    sys.stdout.buffer.write(line.encode('utf-8', 'replace'))
    sys.stdout.buffer.flush()


meta_checker = checker_of_schemas()
check({'schema': {'$schema': DRAFT, 'type': 'certificate'}, 'properties': 'x'})  # loads all that is loaded late
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # from here on it opens no file and no connection
signal.signal(signal.SIGPROF, signal.SIG_DFL)
answer('ready')
for line in sys.stdin.buffer:
    # A signal that nobody handles ends the process, wherever it is: also in the middle of a pattern. It counts
    # processor time, so that a busy machine fails nobody.
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    found = limited(check(json.loads(line)))
    signal.setitimer(signal.ITIMER_PROF, 0)
    answer(found)
