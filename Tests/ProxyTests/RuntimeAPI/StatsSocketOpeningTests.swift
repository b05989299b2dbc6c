import Base
import Configuration
import Engine
import Glibc
import Testing

@testable import Proxy

@Suite("The addresses of stats sockets (manual, sections 3.1 and 5.1)")
struct StatsSocketOpeningTests {
    private let kernel = HostKernel()

    private func opening(_ resolve: @escaping (AddressSpec) -> SocketAddress? = { _ in nil }) -> StatsSocketOpening {
        StatsSocketOpening(kernel: kernel, resolve: resolve)
    }

    /// Runs `body` with a folder of its own.
    private func withFolder(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/martlet-socket-XXXXXX".utf8CString)
        // SAFETY: the array is writable and ends in NUL.
        let folder = unsafe template.withUnsafeMutableBufferPointer {
            unsafe mkdtemp($0.baseAddress!).map { unsafe String(cString: $0) } ?? ""
        }
        try #require(!folder.isEmpty)
        defer {
            _ = kernel.unlink(folder + "/s")
            // SAFETY: the call reads a NUL-terminated string.
            _ = unsafe rmdir(folder)
        }
        try body(folder)
        _ = kernel.unlink(folder + "/s")
        // Fails when anything but the socket was left in the folder.
        // SAFETY: the call reads a NUL-terminated string.
        #expect(unsafe rmdir(folder) == 0)
    }

    @Test("a path that another process left behind is taken over")
    func stalePath() throws {
        try withFolder { folder in
            let specification = AddressSpec(host: .unix(folder + "/s"))
            let first = try opening().open(specification, BindSettings())
            let second = try opening().open(specification, BindSettings())
            #expect(second.map(\.name) == ["unix@\(folder)/s"])
            for socket in first + second { _ = kernel.close(socket.fd) }
        }
    }

    @Test("an owner that does not exist is an error and leaves nothing behind")
    func unknownOwner() throws {
        try withFolder { folder in
            var settings = BindSettings()
            settings.user = "no-such-user-\(getpid())"
            #expect(throws: StatsSocketError.self) {
                _ = try opening().open(AddressSpec(host: .unix(folder + "/s")), settings)
            }
        }
    }

    @Test("a path that is too long is an error")
    func longPath() {
        let path = "/tmp/" + String(repeating: "x", count: 200)
        #expect(throws: StatsSocketError.self) {
            _ = try opening().open(AddressSpec(host: .unix(path)), BindSettings())
        }
    }

    @Test("names are resolved by the program")
    func names() throws {
        let name = AddressSpec(host: .name("here"), port: .fixed(0))
        let opened = try opening { _ in SocketAddress(ipv4: 0x7F00_0001, port: 0) }.open(name, BindSettings())
        #expect(opened.map(\.name) == ["ipv4@127.0.0.1:0"])
        for socket in opened { _ = kernel.close(socket.fd) }
        #expect(throws: StatsSocketError.self) { _ = try opening().open(name, BindSettings()) }
    }

    @Test("an inherited descriptor is taken as it is; one that is no socket is an error")
    func inherited() throws {
        let made = try opening().open(AddressSpec(host: .abstract("martlet-\(getpid())")), BindSettings())
        let fd = try #require(made.first?.fd)
        defer { _ = kernel.close(fd) }
        let adopted = try opening().open(AddressSpec(host: .fileDescriptor(fd)), BindSettings())
        #expect(adopted.map(\.fd) == [fd])
        #expect(adopted.allSatisfy { $0.isInherited } && made.allSatisfy { !$0.isInherited })
        #expect(adopted.first?.name == "fd@\(fd)")
        for number in [-1, 900_000] as [Int32] {
            #expect(throws: StatsSocketError.self) {
                _ = try opening().open(AddressSpec(host: .fileDescriptor(number)), BindSettings())
            }
        }
    }

    @Test("the message names the address and the reason")
    func message() {
        let specification = AddressSpec(host: .unix("/nonexistent/s"))
        do throws(StatsSocketError) {
            _ = try opening().open(specification, BindSettings())
            Issue.record("the folder does not exist")
        } catch {
            #expect(error.description == "cannot open the stats socket [/nonexistent/s]: No such file or directory")
        }
    }
}
