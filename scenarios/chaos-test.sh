#!/usr/bin/env bash
# A chaos test with gpu-sim and curl alone, to run as it is or to copy: bash scenarios/chaos-test.sh
#
# A client works off jobs on rented GPUs while 5 % of the rents lose their answer, its provider dies for twenty minutes
# (chaos.yaml does both) and the server is killed twice (this file does). Three times over, from the same seed, and once
# without a kill. Then ledger and request log must prove that no credit was lost, and the journals that a kill changes
# nothing. Exit code 0 says that all of it holds, 1 comes with what does not.
set -eu -o pipefail

GPU_SIM=${GPU_SIM:-gpu-sim} # a command and its arguments, if any: below it stands without quotes
JOBS=${JOBS:-36} EVERY=90s KEEPS=3 # one job is begun every 90 s, and keeps its GPU until three more were
AUTH='Authorization: Bearer si_test_alice' JSON='content-type: application/json'
RENT='{"gpu_model": "RTX 4090", "region": "Quebec, CA", "model_id": "m", "docker_image": "d", "provider_id": "%s"}'

work=$(mktemp -d) server=
trap '[ -z "$server" ] || kill -9 "$server"; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

fail() { echo "FAILED: $*" >&2; exit 1; }
proven() { echo "  proven: $*"; }

# --- The server, each run with a state file of its own ---

start() { # on a free port: the ready file says which, and is there as soon as the server serves
  rm -f ready.json # the one of a killed server says nothing of this one
  $GPU_SIM serve --scenario chaos --state state.db --port 0 --ready-file ready.json >>server.log 2>&1 &
  server=$!
  until [ -s ready.json ]; do
    kill -0 "$server" 2>/dev/null || fail "the server does not start: $(cat server.log)"
    sleep 0.05
  done
  url=$(sed 's/.*"url": "\([^"]*\)".*/\1/' ready.json)
}

stop() { # SIGNAL CODE. The request log goes with the server, so it is saved first; all else is in the state file
  local code=0
  get '/_sim/requests?operation=rent_gpu&limit=1000' >>requests
  kill "$1" "$server"
  wait "$server" 2>/dev/null || code=$?
  server=
  [ $code = "$2" ] || fail "the server ended with $code on $1"
}

crash() {
  [ $wanted != 0 ] || return 0
  stop -KILL 137
  start
  kills=$((kills + 1))
}

get() { # PATH [ARGUMENTS OF CURL]: the answer, which has to be a success
  local path=$1
  shift
  curl -sSf -H "$AUTH" -H "$JSON" "$@" "$url$path" || fail "no good answer to $path"
}

text() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; } # NAME: a field of the answer on stdin

# --- The client ---

rent() { # KEY PROVIDER: asks again under the same key until there is an answer, and sets `status`
  local code known=$lost
  until status=$(curl -s -o answer -D headers -w '%{http_code}' -H "$AUTH" -H "$JSON" -H "Idempotency-Key: $1" \
    -d "$(printf "$RENT" "$2")" "$url/v1/gpu/rent"); do
    code=$?
    [ $code = 52 ] || [ $code = 56 ] || fail "curl ended with $code, which is no lost answer"
    lost=$((lost + 1))
    [ $lost != 1 ] || crash # at the worst moment: what was rented, nobody knows but the state file
  done
  if [ $lost != "$known" ] && [ "$status" = 201 ]; then
    grep -qi '^idempotent-replayed: true' headers || fail "$1 was rented a second time after its answer was lost"
    found=$((found + 1))
  fi
}

begin() { # JOB: at vast-ai, or at runpod while vast-ai answers 409. A key stands for one body: each has its own
  local provider key
  for provider in vast-ai runpod; do
    key=job-$1-$provider
    rent "$key" $provider
    [ "$status" = 409 ] || break
    refused=$((refused + 1))
  done
  [ "$status" = 201 ] || fail "job $1 got no GPU: $(cat answer)"
  echo "$key $(text rental_id <answer)" >>rented
}

end() { # JOB: whatever became of its GPU meanwhile, the answer to DELETE says what it cost
  local rental
  rental=$(sed -n "$1s/.* //p" rented)
  get "/v1/gpu/rentals/$rental" -X DELETE >answer
  echo "$rental $(text termination_reason <answer) $(text billed_amount <answer)" >>bills
}

run() { # KILLS: 2 or 0
  local job
  wanted=$1 lost=0 found=0 refused=0 kills=0
  start
  get /_sim/accounts >opening
  for job in $(seq $((JOBS + KEEPS))); do
    [ "$job" != 14 ] || crash # in the middle of the outage
    [ "$job" -gt $JOBS ] || begin "$job"
    [ "$job" -le $KEEPS ] || end $((job - KEEPS))
    get /_sim/clock/advance -d "{\"by\": \"$EVERY\"}" >answer # time passes here only, so every run is the same
  done
  get /_sim/accounts >closing
  get '/_sim/rentals?limit=1000' >rentals
  get '/_sim/ledger?limit=1000' >ledger
  get '/_sim/market?limit=1000' >market
  get /_sim/journal >journal
  stop -TERM 0
}

# --- The proof: sorted lists that must be equal, and sums of micro-dollars, which are integers ---

ids() { (grep -o "$1\"rental_id\":\"[^\"]*" || true) | sed 's/.*"//' | sort; }
micros() { tr -d '".' | awk '{ sum += $1 } END { printf "%.0f\n", sum }'; }
amounts() { (grep -o "$1\"amount\":\"[^\"]*" || true) | sed 's/.*"//' | micros; }

prove() {
  local opened paid left
  [ $found != 0 ] || fail 'no rental lost its answer: that proves nothing, take another seed'
  [ $refused != 0 ] && grep -q ' interrupted ' bills || fail 'nobody noticed the outage'
  [ $kills = $wanted ] || fail "the server was killed $kills times"

  cut -d' ' -f2 rented | sort >acknowledged
  ids '"kind":"hold_placed","account":"alice",' <ledger | cmp -s - acknowledged ||
    fail 'the holds in the ledger are not one for each acknowledged rental'
  ids '"kind":"rental_settled","account":"alice",' <ledger | cmp -s - acknowledged ||
    fail 'the settlements in the ledger are not one for each acknowledged rental'
  proven "each of $JOBS acknowledged rentals has one hold and one settlement in the ledger, and no other has any"

  ids '' <rentals | cmp -s - acknowledged || fail 'there are other rentals than the acknowledged ones'
  [ "$(cut -d' ' -f1 rented | sort -u | wc -l)" -eq "$(sort -u acknowledged | wc -l)" ] ||
    fail 'two keys share a rental'
  proven 'there are as many rentals as keys: nothing was rented twice'

  opened=$(text available <opening | micros) left=$(text available <closing | micros)
  paid=$(cut -d' ' -f3 bills | micros)
  [ "$(amounts '' <ledger)" = 0 ] || fail 'the postings do not sum to zero'
  [ "$(text held <closing | micros)" = 0 ] || fail 'credit is still held'
  [ "$(amounts '"account":"revenue",' <ledger)" = "$paid" ] || fail "the revenue is not the $paid that was billed"
  [ $((opened - paid)) = "$left" ] || fail "of $opened micro-dollars $paid were billed, but $left are left"
  proven "all postings sum to zero and nothing is held; $opened - $paid billed = $left micro-dollars left"

  # What the market took is billed by the second, so less than the hold, which is for 15 minutes.
  tr '}' '\n' <rentals | grep '"termination_reason":"interrupted"' |
    sed 's/.*"hold_amount":"\([^"]*\)".*"billed_amount":"\([^"]*\)".*/\1 \2/' >taken
  awk '$2 >= $1 { exit 1 }' taken || fail 'what was interrupted was billed the minimum session'
  [ "$(grep -c . taken)" = "$(grep -c ' interrupted ' bills)" ] || fail 'the bills know of other interruptions'
  proven "each of the $(grep -c . taken) interrupted rentals was billed less than the minimum session"

  grep -o '"capacity":[0-9]*,"free":[0-9]*' market | tr ',' ':' >gpus
  [ -s gpus ] && awk -F: '$2 != $4 { exit 1 }' gpus || fail 'GPUs are missing though no rental is left'
  proven "all GPUs of the $(grep -c . gpus) offers are free again"

  $GPU_SIM replay journal >replayed || fail "the journal is not that of such a run: $(cat replayed)"
  grep -o '"type":"rental_created","at":[0-9]*,"account":"alice","rental_id":"[^"]*' journal | sed 's/.*"//' | sort |
    cmp -s - acknowledged || fail 'the journal has other rentals'
  proven 'the journal has these rentals, and running it again gives the same bytes'

  # A line for each rent: status, fault, rental, request, key. Status 0 says that the client got no answer.
  grep -o '"status":[0-9]*,"fault":[^,]*,"rental_id":[^,]*,"request_id":[^,]*,"idempotency_key":[^,]*' requests |
    tr -d '"' | sed 's/[a-z_]*://g; s/,/ /g' >log
  [ "$(grep -c '^0 lost ' log)" = $lost ] || fail "curl missed $lost answers, the request log says otherwise"
  awk '$2 == "lost" && $3 != "null" { missing[$5] = $3 }
       $1 == 201 && missing[$5] == $3 { missing[$5] = "" }
       END { for (key in missing) if (missing[key] != "") exit 1 }' log || fail 'a rental was not found again'
  proven "the $lost answers that curl missed are those that the request log calls lost; $found rentals were" \
    'among them, and each was found again by its key'
}

for number in 1 2 3 4; do
  mkdir "$work/$number"
  cd "$work/$number"
  run $((number < 4 ? 2 : 0))
  echo "run $number: $JOBS jobs, $lost answers lost, $refused rents refused in the outage," \
    "$(grep -c ' interrupted ' bills) GPUs lost to it, $kills kills"
  prove
  cmp "$work/1/journal" journal || fail "run $number went another way than run 1"
done
echo "ok: no credit was lost, and the four journals of $(grep -c . journal) lines are the same to the byte, kills or not"
