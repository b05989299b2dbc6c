import Base
import Testing

@testable import Engine

@Suite("Worker")
struct WorkerTests {
    @Test("a local descriptor's handler is called when it becomes readable")
    func readable() throws {
        let group = try Rig.group()
        let (near, far) = try Rig.pair()
        let worker = group.workers[0]
        var seen: [String] = []
        let handler = Handler { fd, events, worker in
            #expect(events.contains(.readable))
            let (count, text) = Rig.read(fd)
            if count > 0 { seen.append(text) }
            worker.cannot(fd, .read)
        }
        worker.insert(near, handler, kind: .stream)
        worker.want(near, .read)
        Rig.write(far, "one")
        #expect(Rig.turn(group) { seen == ["one"] })
        Rig.write(far, "two")
        #expect(Rig.turn(group) { seen == ["one", "two"] })
        worker.remove(near)
        _ = Rig.kernel.close(far)
        group.table.checkInvariants()
    }
}
