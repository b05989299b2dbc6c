import Engine
import Testing

@testable import martlet

@Suite("What the program says of itself")
struct ProgramVersionTests {
    private var lines: [String] {
        ProgramVersion.details(allowed: .all, kernel: HostKernel(), processors: 2)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    @Test("Martlet's version comes first, then the dialect that tools ask for")
    func banner() {
        let lines = ProgramVersion.banner.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0].hasPrefix("Martlet version \(ProgramVersion.martlet) "))
        #expect(lines[1].hasPrefix("HAProxy version 3.4-martlet \(ProgramVersion.date) "))
    }

    @Test("-vv has the lines that tools look for")
    func details() {
        #expect(lines.contains("Build options :"))
        #expect(lines.contains("  TARGET  = linux-glibc"))
        #expect(lines.contains("Default settings :"))
        #expect(lines.contains("Available polling systems :"))
        #expect(lines.contains { $0.hasPrefix("Feature list : -51DEGREES +ACCEPT4 ") })
    }

    @Test("a feature stands once, and counts when it has a plus")
    func features() {
        let names = ProgramVersion.features.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(ProgramVersion.presentFeatures.contains("THREAD"))
        #expect(!ProgramVersion.presentFeatures.contains("LUA"))
        let list = lines.first { $0.hasPrefix("Feature list : ") } ?? ""
        for feature in ProgramVersion.features {
            #expect(list.contains(feature.isPresent ? " +\(feature.name)" : " -\(feature.name)"))
        }
    }

    @Test("the poller that will be used is the first usable one of the list")
    func pollers() {
        let all = ProgramVersion.pollers(allowed: .all, kernel: HostKernel())
        #expect(all.contains("      epoll : pref=300,  test result OK\n"))
        #expect(all.contains("   io_uring : pref=350,  test result "))
        let works = all.contains("   io_uring : pref=350,  test result OK")
        #expect(all.hasSuffix(works ? "will use io_uring." : "will use epoll."))
        let ready = ProgramVersion.pollers(allowed: PollerChoice.all.subtracting(.uring), kernel: HostKernel())
        #expect(ready.contains("   io_uring : disabled, ") && ready.hasSuffix("will use epoll."))
        let without = ProgramVersion.pollers(
            allowed: PollerChoice.all.subtracting([.epoll, .uring]), kernel: HostKernel())
        #expect(without.contains("      epoll : disabled,  test result OK\n"))
        #expect(without.hasSuffix("will use poll."))
        #expect(ProgramVersion.pollers(allowed: [], kernel: HostKernel()).hasSuffix("none can be used."))
    }
}
