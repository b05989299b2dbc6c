import Interleave

// A lock-free hand-over of one value: a writer publishes, a reader takes. `fast` saves an ordering that it must not
// save.
//
//     swift run --package-path examples/model-checking

func handOver(_ run: Run, fast: Bool) {
    let value = run.cell(0, "value")
    let isFull = run.cell(0, "isFull")
    run.thread {
        value.store(42, .relaxed)
        isFull.store(1, fast ? .relaxed : .release)
    }
    run.thread {
        while isFull.load(.acquire) == 0 { isFull.spinWait(while: 0) }
        verify(value.load(.relaxed) == 42, "the reader sees what was published")
    }
}

var search = Search(.exhaustive)
search.weakMemory = true

let right = search.explore { handOver($0, fast: false) }
print("with release: \(right)\n")

let wrong = search.explore { handOver($0, fast: true) }
print("without:      \(wrong)\n")

if let failure = wrong.failure, let again = search.replay(failure.schedule, { handOver($0, fast: true) }) {
    print("replayed \(failure.schedule): \(again.failure.map { "\($0.kind)" } ?? "holds")")
}
