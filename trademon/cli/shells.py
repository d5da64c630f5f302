"""`trademon --install-completion` and `--show-completion`: what a shell has to be told.

Typer installs the scripts and answers them. Their text is ours: of Typer's, the one for fish runs trademon twice for
each TAB, the one for zsh does nothing at the first, and bash loses its way in words with a colon, as `BTC/USDT:USDT`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final

from trademon.cli.common import raise_usage

INSTALL: Final = "--install-completion"
SHOW: Final = "--show-completion"
_ASK: Final = "_TRADEMON_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args _TYPER_COMPLETE_ARGS={line} {name}"
# Readline replaces what stands behind the last colon or equals sign of a word, so the rest of it is cut off.
BASH: Final = f"""\
_trademon_completion() {{
    local line=${{COMP_LINE:0:COMP_POINT}} word begun found
    word=${{line##*[[:space:]]}}
    word=${{word#--*=}}
    [[ $COMP_WORDBREAKS == *:* ]] && begun=${{word%"${{word##*:}}"}}
    COMPREPLY=()
    while IFS=$'\\t' read -r found _; do
        [[ -n $found ]] && COMPREPLY+=("${{found#"$begun"}}")
    done < <(env {_ASK.format(line='"$line"', name='"$1"')} 2>/dev/null)
}}

complete -o default -F _trademon_completion trademon
"""
ZSH: Final = f"""\
#compdef trademon

_trademon_completion() {{
    local -a found
    local row name
    for row in "${{(@f)$(env {_ASK.format(line='"${words[1,CURRENT]}"', name="trademon")} 2>/dev/null)}}"; do
        name=${{row%%$'\t'*}}
        [[ -n $name ]] || continue
        [[ $row == *$'\t'* ]] && found+=("${{name//:/\\:}}:${{row#*$'\t'}}") || found+=("${{name//:/\\:}}")
    done
    (( $#found )) && _describe 'trademon' found || _files
}}

if [[ $funcstack[1] == _trademon ]]; then
    _trademon_completion "$@"
else
    compdef _trademon_completion trademon
fi
"""
FISH: Final = f"""\
function __trademon_completion
    set -l found (env {_ASK.format(line="(commandline -cp | string collect)", name="trademon")} 2>/dev/null)
    if set -q found[1]
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end

complete --command trademon --no-files --arguments '(__trademon_completion)'
"""


SHELLS: Final = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def set_up_shell(args: Sequence[str]) -> int:
    """Install or show the completion of the shell that is named, or of the one that this was typed into.

    Returns the exit code.
    """
    from typer import _completion_shared as scripts  # noqa: PLC0415 - typer has no other name for it

    wish, *named = args
    shell = named[0] if named else _shell_here(scripts)
    if shell not in SHELLS or len(named) > 1:
        what = f"{wish} knows no shell {shell!r}" if named else "cannot tell which shell this is"
        raise_usage(what, hint=f"name it: trademon {wish} {'|'.join(SHELLS)}")
    scripts._completion_scripts |= {
        shell: script.replace("%", "%%")
        for shell, script in SHELLS.items()  # which Typer fills in with %
    }
    names: dict[str, Any] = {"prog_name": "trademon", "complete_var": "_TRADEMON_COMPLETE", "shell": shell}
    if wish == SHOW:
        sys.stdout.write(f"{scripts.get_completion_script(**names)}\n")
        return 0
    _, path = scripts.install(**names)
    sys.stdout.write(f"completion for {shell} is in {path}; it is there in every shell that you open from now on\n")
    return 0


def offer_a_line_each() -> None:
    """What all three scripts read is a line an offer. Typer folds a long help as if for a screen, and each further line
    of it would be offered as a word, too."""
    from typer._click.shell_completion import add_completion_class  # noqa: PLC0415 - typer has no other name for it
    from typer._completion_classes import FishComplete  # noqa: PLC0415

    class LineEach(FishComplete):
        def format_completion(self, item: Any) -> str:
            return f"{item.value}\t{' '.join(item.help.split())}" if item.help else str(item.value)

    add_completion_class(LineEach, FishComplete.name)


def _shell_here(scripts: Any) -> str | None:
    name: str | None = scripts._get_shell_name()
    return name
