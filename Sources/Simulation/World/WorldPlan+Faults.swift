import Base

// What goes wrong in the kernel of a world, and how often.
extension WorldPlan {
    func injectFaults(into machine: SimMachine, _ kernel: SimKernel) {
        guard faults != .none else { return }
        var dice = Dice(seed: seed, 4)
        /// Most kinds most of the time, each seldom or often.
        func probability(_ most: Double) -> Double {
            dice.pick(weighted: [(2, 0), (3, most / 20), (3, most / 4), (1, most)])
        }
        for fault in [SimFault.shortRead, .shortWrite, .readAgain, .writeAgain, .lateReadiness, .spuriousReadiness] {
            kernel.faults[fault] = probability(0.5)
        }
        kernel.faults[.interruptedWait] = probability(0.2)
        kernel.faults[.stall] = probability(0.01)
        kernel.faults[.wallClockJump] = probability(0.01)
        machine.faults[.crowdWake] = probability(1)
        machine.faults[.slowPeer] = probability(0.3)
        kernel.faults.delayNanoseconds = 1_000...dice.pick([100_000, 5_000_000, 20_000_000])
        let ofRings: [SimFault] = [
            .lateCompletion, .reorderedCompletions, .completionBacklog, .endedRepeat, .noRingBuffer, .lostCancel,
        ]
        for fault in ofRings { kernel.faults[fault] = probability(0.5) }
        guard faults == .breaking else { return }
        kernel.faults[.ringFull] = probability(0.02)
        machine.faults[.reset] = probability(0.01)
        machine.faults[.lostConnect] = probability(0.2)
        for fault in [SimFault.acceptAborted, .noDescriptor, .noFile, .noBuffers, .noMemory] {
            kernel.faults[fault] = probability(0.1)
        }
    }
}
