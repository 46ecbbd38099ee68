# Completion of rein for bash. rein itself says what could come next.
_rein() {
    local current="$2" line="${COMP_LINE:0:COMP_POINT}" words=() at word gap
    # bash splits words at = and :, which rein's items, options and targets contain. What has no
    # blank in front of it on the line belongs to the preceding word.
    for ((at = 0; at <= COMP_CWORD; at++)); do
        word="${COMP_WORDS[at]}"
        # Behind a separator, what is being typed is still empty and the separator is the word.
        if [[ $at -eq $COMP_CWORD && $word != [=:]* ]]; then
            word="$current"
        fi
        if [[ -n $word ]]; then
            gap="${line%%"$word"*}"
        else
            gap="$line"
        fi
        if [[ $at -gt 0 && -z $gap ]]; then
            words[${#words[@]} - 1]+="$word"
        else
            words+=("$word")
        fi
        line="${line:${#gap} + ${#word}}"
    done
    local last=$((${#words[@]} - 1))
    # bash puts a candidate in the place of the part that it split off.
    local before="${words[last]%"$current"}"
    [[ $current == [=:]* ]] && before="${words[last]}"
    local IFS=$'\013'
    COMPREPLY=($(
        _CLAP_IFS="$IFS" \
            _CLAP_COMPLETE_INDEX="$last" \
            _CLAP_COMPLETE_COMP_TYPE="$COMP_TYPE" \
            _CLAP_COMPLETE_SPACE=false \
            REIN_COMPLETE=bash \
            rein -- "${words[@]}"
    )) || COMPREPLY=()
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
    if [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} == *[=/:] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
if [[ ${BASH_VERSINFO[0]} -gt 4 || (${BASH_VERSINFO[0]} -eq 4 && ${BASH_VERSINFO[1]} -ge 4) ]]; then
    complete -o bashdefault -o nosort -F _rein rein
else
    complete -o bashdefault -F _rein rein
fi
