#!/usr/bin/python3 -I
"""Start a service whose configuration needs secrets, which the configuration itself doesn't hold.

    start-with-secrets [--once] TEMPLATE TARGET -- PROGRAM [ARGUMENT...]

Writes TEMPLATE to TARGET (mode 0600) with each @{name} replaced by the secret of that name, which
systemd's LoadCredential= hands over in $CREDENTIALS_DIRECTORY, and becomes PROGRAM. With --once a
TARGET that is there is left alone: Redis and its Sentinels rewrite theirs. Exit status 78: wrong
settings, which trying again won't mend.
"""

import os
import re
import sys
import tempfile

#: Letters that need no quoting in any of the configurations.
PLAIN = re.compile(r"[A-Za-z0-9._~+/=-]{8,256}")


def fail(text: str) -> None:
    print(f"start-with-secrets: {text}", file=sys.stderr)
    sys.exit(78)


def secret(name: str) -> str:
    file = os.path.join(os.environ.get("CREDENTIALS_DIRECTORY", ""), name)
    try:
        with open(file, encoding="utf-8") as stream:
            value = stream.read().strip("\r\n")
    except (OSError, ValueError):
        fail(f"the secret {name} can't be read: its file must exist, and LoadCredential= name it")
        raise
    if not PLAIN.fullmatch(value):
        fail(
            f"the secret {name} must have 8 to 256 letters, digits and . _ ~ + / = -, such as"
            " `openssl rand -hex 32` gives"
        )
    return value


def write(template: str, target: str) -> None:
    try:
        with open(template, encoding="utf-8") as stream:
            text = stream.read()
        filled = re.sub(r"@\{(\w+)\}", lambda found: secret(found[1]), text)
        # mkstemp's mode is 0600: nobody else can read it, not even for a moment.
        descriptor, new = tempfile.mkstemp(dir=os.path.dirname(target))
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(filled)
        os.replace(new, target)
    except OSError as error:
        fail(f"{template} can't be written to {target}: {error.strerror} ({error.filename})")


def main(arguments: list[str]) -> None:
    once = arguments[:1] == ["--once"]
    words = arguments[once:]
    if len(words) < 4 or words[2] != "--":
        fail("usage: start-with-secrets [--once] TEMPLATE TARGET -- PROGRAM [ARGUMENT...]")
    template, target, program = words[0], words[1], words[3:]
    if not (once and os.path.exists(target)):
        write(template, target)
    try:
        os.execv(program[0], program)
    except OSError as error:
        fail(f"{program[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
