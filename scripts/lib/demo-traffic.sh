# Functions for a demo whose dashboard lives: a little traffic, marked as what it is. To be sourced
# by bash:
#
#   . scripts/lib/demo-traffic.sh
#   farebox_demo_traffic_key FAREBOX FILE    makes the traffic's own key of the account "demo", in the
#                                            project "generated", and writes its header into FILE
#   farebox_demo_traffic URL FILE            calls the demo's models with it until it is ended, or
#                                            its key is
#
# The key may spend a quarter of a dollar a day, so that the demo's credit is left to its user.

farebox_demo_traffic_key() {
    local farebox=$1 file=$2 secret
    [ -s "$file" ] && return
    "$farebox" project create demo generated >/dev/null 2>&1 || true
    secret=$("$farebox" key create demo --project generated --name "generated traffic" \
        --cap-day 0.25 --json | sed -n 's/.*"secret": *"\([^"]*\)".*/\1/p') || return 1
    # Into a file of one's own and not on a command line, which everybody can read.
    (umask 077 && printf 'authorization: Bearer %s\n' "$secret" >"$file")
}

farebox_demo_traffic() {
    local url=$1 file=$2 count=0 models=(demo-small demo-small demo-large demo-claude)
    local stream body status pause
    while :; do
        # The first two dozen come at once, so that there is something to see within seconds.
        count=$((count + 1))
        stream=true
        pause=0.$((RANDOM % 10))
        if [ "$count" -le 24 ]; then
            stream=false
            pause=0
        fi
        printf -v body '{"model": "%s", "stream": %s, "max_tokens": %d, "messages": [%s]}' \
            "${models[RANDOM % ${#models[@]}]}" "$stream" $((8 + RANDOM % 48)) \
            '{"role": "user", "content": "Generated traffic of the demo"}'
        status=$(curl -sS -o /dev/null -w '%{http_code}' --max-time 60 -H "@$file" \
            -H 'content-type: application/json' -d "$body" "$url/v1/chat/completions") || status=000
        case $status in
            200) sleep "$pause" ;;
            401 | 403) return ;;
            # Its cap, or Farebox is away for a moment.
            *) sleep 10 ;;
        esac
    done
}
