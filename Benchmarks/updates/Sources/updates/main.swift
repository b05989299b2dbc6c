import Base

// updates WORK DESIGN THREADS DESCRIPTORS ROUNDS: prints nanoseconds of CPU time for each change of a descriptor, of
// all threads together: to put in or change, to take out or take the update. `run` beside the package makes the table.

let arguments = CommandLine.arguments
guard arguments.count == 6, let work = Rounds.Work(rawValue: arguments[1]), let threads = Int(arguments[3]),
    let descriptors = Int(arguments[4]), let rounds = Int(arguments[5]), (1...64).contains(threads), descriptors > 0,
    rounds >= 20
else {
    fatalError("updates list|masks|epoll lockfree|mutex THREADS DESCRIPTORS ROUNDS")
}
do {
    let result = try Rounds(
        work, design: arguments[2], threads: threads, descriptors: descriptors, rounds: rounds
    ).run()
    print(result.change, result.take)
} catch {
    fatalError("\(error)")
}
