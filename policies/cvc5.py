#!/usr/bin/env python3
"""cvc5 as a program, made of the Python library (`pip install cvc5`): reads SMT-LIB from stdin, a command at a time.

    CHANCERY_CVC5=policies/cvc5.py chancery policy compare OLD NEW

Takes the program's options as `--name=value`; the language is always SMT-LIB here.
"""
import re
import sys

# This file has the library's name, and would import itself.
sys.path.pop(0)
import cvc5  # noqa: E402

OPTIONS = [word[2:].split("=", 1) for word in sys.argv[1:] if re.match("--[a-z-]+=", word)]
QUOTED = re.compile(r'"[^"]*"|\|[^|]*\||;[^\n]*')


def commands(stream):
    """The commands, each as soon as its parentheses balance; those within strings, symbols and comments don't count."""
    text = ""
    for line in stream:
        text += line
        bare = QUOTED.sub("", text)
        if bare.count("(") == bare.count(")") and '"' not in bare and "|" not in bare:
            if bare.strip():
                yield text
            text = ""


def fresh():
    """A solver that has heard nothing yet, and its parser."""
    solver = cvc5.Solver(cvc5.TermManager())
    for name, value in OPTIONS:
        solver.setOption(name, value)
    return solver, cvc5.InputParser(solver)


def main():
    solver, parser = fresh()
    for text in commands(sys.stdin):
        # The parser keeps its declarations when the solver forgets them, so both are made anew.
        if text.strip() == "(reset)":
            solver, parser = fresh()
            continue
        try:
            parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "stdin")
            while not (command := parser.nextCommand()).isNull():
                print(command.invoke(solver, parser.getSymbolManager()), end="", flush=True)
        except Exception as error:  # said as the program says it, and the end of it: what follows builds on this
            print('(error "%s")' % str(error).replace('"', "'").replace("\n", " "), flush=True)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
