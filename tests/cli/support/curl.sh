#!/bin/sh
# Stands in for curl: records in the folder $SEEN how it is run.
#   $PRINTS, $COMPLAINS   what it writes to standard output and to standard error
#   $FILLS                the number of bytes that it writes to output, error and output again
#   $TAKES_INPUT          it reads its standard input
#   $IGNORES_CONFIGS      it reads no config file
#   $WAITS                it runs until a signal ends it
#   $ENDS                 its exit code
ls /dev/fd >"$SEEN/descriptors"
env >"$SEEN/environment"
last=
for word in "$@"; do
    if [ "$last" = -K ] && [ -z "$IGNORES_CONFIGS" ]; then
        cat "$word"
        printf '\0'
    fi
    last=$word
done >"$SEEN/configs"
[ -z "$TAKES_INPUT" ] || cat >"$SEEN/input"
[ -z "$PRINTS" ] || printf '%b' "$PRINTS"
[ -z "$COMPLAINS" ] || printf '%b' "$COMPLAINS" >&2
if [ -n "$FILLS" ]; then
    fill() { head -c "$FILLS" /dev/zero | tr '\0' "$1"; }
    fill o
    fill e >&2
    fill O
fi
for word in "$@"; do printf '%s\0' "$word"; done >"$SEEN/started"
mv "$SEEN/started" "$SEEN/arguments"
[ -z "$WAITS" ] || exec sleep 60
exit "${ENDS:-0}"
