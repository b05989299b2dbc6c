import Base
import Engine

/// The polling engine alone: placeholder until below.
enum EngineWorld {
    static func run(seed: UInt64, _ options: WorldOptions, _ recorder: TraceRecorder) -> Sweep.Report {
        Sweep.Report(seed: seed, kind: .engine)
    }
}
