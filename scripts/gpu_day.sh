#!/usr/bin/env bash
# A GPU for ten minutes: what it can tell about the full size, then what it can train. Each part has a time limit, and
# one that fails leaves the others alone.
#
#   scripts/gpu_day.sh OUT [PART ...]     parts: parity bench cost clothes codebook refine (default: all, in this order)
#   TINY=1 scripts/gpu_day.sh OUT ...     the same at tiny size, on any machine, to see that it runs
#
# OUT gets log.txt, bench.jsonl (one line a measurement) and the trained weights with their curves and pictures, each
# file under 10 MB. cost is a step of the paper's stages. parity needs the public fixture beside the repository
# (tests/test_method_parity.py), refine its pairs in PAIRS and PAIRS-heldout (vivid/training/README.md); it trains the
# refiner and three ablations of it at the same time. MINUTES are for each training.
set -u
out=${1:?folder for the results}
shift
parts=${*:-parity bench cost clothes codebook refine}
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$out/log.txt
export PYTHONUNBUFFERED=1 OPENBLAS_NUM_THREADS=1 OPENCV_FOR_THREADS_NUM=1

if [ -n "${TINY:-}" ]; then
    model="--config micro --size 128x128 --device cpu --repeat 1" dtype=fp32 videos="12 24" long=24
    people=12 shard=6 hands=96 minutes=0.1 workers=2 batch=2 preset="cpu --batch 1" hcc="--batch 2" patience=10
    export TORCHDYNAMO_DISABLE=1 # compiling for a CPU takes minutes
else
    model="--config full --size 512x512 --repeat 3" dtype=bf16 videos="48 480" long=48
    people=${PEOPLE:-4320} shard=48 hands=${HANDS:-16384} minutes=${MINUTES:-3} workers=$(($(nproc) - 1)) batch=48
    preset=compact hcc="--batch 128" patience=1
fi

part() { # SECONDS NAME COMMAND...: one measurement or training, its end in the log
    local limit=$1 name=$2 started=$SECONDS
    shift 2
    echo "== $name" | tee -a "$log"
    timeout -k 10 $((limit * patience)) "$@" >"$work/$name.txt" 2>&1
    local code=$?
    tr '\r' '\n' <"$work/$name.txt" | tail -25 | tee -a "$log"
    echo "== $name: exit $code after $((SECONDS - started)) s" | tee -a "$log"
    return $code
}

measure() { # SECONDS NAME OPTIONS...: a bench, its JSON in bench.jsonl
    local limit=$1 name=$2
    shift 2
    # shellcheck disable=SC2086
    part "$limit" "$name" python3 -m vivid bench $model "$@" && tail -1 "$work/$name.txt" >>"$out/bench.jsonl"
}

for name in $parts; do
    case $name in
    parity) part 90 parity python3 -m pytest -q -s -p no:cacheprovider tests/test_method_parity.py ;;
    bench)
        measure 90 fast --dtype $dtype --no-guidance --steps 6 --video $videos
        measure 180 compiled --dtype $dtype --no-guidance --steps 6 --video $videos --compile
        measure 60 offload --dtype $dtype --no-guidance --steps 6 --video $long --offload
        measure 90 guided --dtype $dtype --steps 30
        ;;
    cost)
        # shellcheck disable=SC2086
        part 150 cost python3 -m vivid bench --train $model && grep '^{' "$work/cost.txt" >>"$out/bench.jsonl"
        ;;
    clothes)
        part 90 dress python3 -m vivid synthesize clothes --out "$work/clothes" --count "$people" \
            --per-shard "$shard" --workers "$workers"
        part $((${minutes%.*} * 60 + 120)) parsing python3 -m vivid train parsing --data "$work/clothes" \
            --out "$work/parsing" --minutes "$minutes" --workers "$workers" --batch "$batch"
        cp "$work"/parsing/weights/*.safetensors "$work"/parsing/curves.png "$out" 2>/dev/null
        cp "$(ls "$work"/parsing/samples/*.png | tail -1)" "$out/parsing.png" 2>/dev/null
        ;;
    codebook) # on rendered hands; the ones it is measured on, beside the codebook that ships, are of another seed
        part 150 hands python3 -m vivid synthesize hands --out "$work/hands" --count "$hands" --workers "$workers"
        part 90 held-out-hands python3 -m vivid synthesize hands --out "$work/held-out" --count $((hands / 32)) \
            --seed 900000 --workers "$workers"
        # shellcheck disable=SC2086
        part $((${minutes%.*} * 60 + 120)) codebook python3 -m vivid train hcc --preset cpu $hcc --hands "$work/hands" \
            --cache "$work/cache" --minutes "$minutes" --workers $((workers / 2)) --out "$work/codebook"
        part 90 codebooks python3 -m vivid evaluate codebooks --hands "$work/held-out" --cache "$work/cache" \
            --model compact "$work/codebook" --out "$work/codebooks"
        cp "$work/codebooks/codebooks.png" "$work/codebook/curves.png" "$out" 2>/dev/null
        tar c -C "$work/codebook" weights 2>/dev/null | split -b 9000000 - "$out/codebook.tar."
        ;;
    refine)
        ablations="no-head-stream no-lip-stream no-hcc"
        for ablation in "" $ablations; do
            # shellcheck disable=SC2086
            part $((${minutes%.*} * 60 + 120)) "refine${ablation:+-$ablation}" python3 -m vivid train refine \
                --preset $preset --init assets/compact ${ablation:+--ablation $ablation} --out "$work/refine$ablation" \
                --data "${PAIRS:-data/pairs}" --held-out "${PAIRS:-data/pairs}-heldout" --minutes "$minutes" \
                --workers $(((workers + 3) / 4)) &
        done
        wait
        cp "$work/refine/curves.png" "$out/refine-curves.png" 2>/dev/null
        cp "$(ls "$work"/refine/samples/*.png | tail -1)" "$out/refine.png" 2>/dev/null
        tar c -C "$work/refine" weights 2>/dev/null | split -b 9000000 - "$out/refine.tar."
        ;;
    *) echo "No part $name: choose of parity, bench, cost, clothes, codebook, refine." && exit 2 ;;
    esac
done
tail -n +1 "$out/bench.jsonl" 2>/dev/null
