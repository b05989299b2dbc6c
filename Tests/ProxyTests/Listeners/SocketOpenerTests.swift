import Base
import Configuration
import Engine
import Glibc
import Testing

@testable import Proxy

@Suite("Listening sockets (manual, section 5.1)")
final class SocketOpenerTests {
    private let kernel = HostKernel()
    private let opener: SocketOpener
    private let folder: String

    init() throws {
        opener = SocketOpener(kernel: kernel, tuning: ProxyTuning(GlobalSettings()))
        var template = Array("/tmp/martlet-open-XXXXXX".utf8CString)
        // SAFETY: the array is writable and ends in NUL.
        folder = unsafe template.withUnsafeMutableBufferPointer {
            unsafe mkdtemp($0.baseAddress!).map { unsafe String(cString: $0) } ?? ""
        }
        try #require(!folder.isEmpty)
    }

    deinit {
        _ = kernel.unlink(folder + "/s")
        _ = unsafe rmdir(folder)
    }

    private func unix() throws -> SocketAddress { try #require(SocketAddress(unixPath: folder + "/s")) }

    private func connects(_ address: SocketAddress) -> Bool {
        let fd = kernel.socket(address.nativeFamily, Int32(SOCK_STREAM.rawValue), 0)
        defer { _ = kernel.close(fd) }
        return kernel.connect(fd, address) >= 0 || kernel.connect(fd, address) == -EINPROGRESS
    }

    @Test("a port of 0 becomes the one that the system chose, and it listens")
    func anyPort() throws {
        let opened = try opener.open(SocketAddress(ipv4: 0x7F00_0001, port: 0), BindSettings(), nil, backlog: 5)
        defer { _ = kernel.close(opened.fd) }
        #expect(opened.address.port != 0)
        #expect(!opened.ownsPath)
        #expect(kernel.getOption(opened.fd, SOL_SOCKET, SO_ACCEPTCONN) == 1)
    }

    @Test("a port that is in use by another is said to be, and nothing stays open")
    func inUse() throws {
        let (fd, address) = try Origin.listen(kernel)
        defer { _ = kernel.close(fd) }
        let error = #expect(throws: SocketOpener.Failure.self) {
            _ = try self.opener.open(address, BindSettings(), nil, backlog: 5)
        }
        #expect(error?.text.hasPrefix("cannot bind socket (") == true)
    }

    @Test("a unix socket has its mode from the moment it can be seen, and leaves no other file")
    func unixSocket() throws {
        var bind = BindSettings()
        bind.mode = 0o640
        let opened = try opener.open(try unix(), bind, nil, backlog: 5)
        defer { _ = kernel.close(opened.fd) }
        var status = stat()
        // SAFETY: the structure lives on the stack during the call.
        #expect(unsafe stat(folder + "/s", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o640)
        #expect(opened.ownsPath)
        #expect(connects(try unix()))
        #expect(try names() == ["s"])
    }

    @Test("it takes the place of what a process before has left")
    func unixSocketAgain() throws {
        let first = try opener.open(try unix(), BindSettings(), nil, backlog: 5)
        _ = kernel.close(first.fd)
        #expect(!connects(try unix()))
        let second = try opener.open(try unix(), BindSettings(), nil, backlog: 5)
        defer { _ = kernel.close(second.fd) }
        #expect(connects(try unix()))
        #expect(try names() == ["s"])
    }

    @Test("a path that cannot be made, or is too long, is an error that leaves nothing")
    func badPaths() throws {
        let missing = try #require(SocketAddress(unixPath: folder + "/none/s"))
        #expect(throws: SocketOpener.Failure.self) {
            _ = try self.opener.open(missing, BindSettings(), nil, backlog: 5)
        }
        let long = try #require(SocketAddress(unixPath: "/tmp/" + String(repeating: "x", count: 100)))
        #expect(throws: SocketOpener.Failure.self) {
            _ = try self.opener.open(long, BindSettings(), nil, backlog: 5)
        }
        #expect(try names() == [])
    }

    @Test("an inherited descriptor is used if it is a socket")
    func inherited() throws {
        let (fd, address) = try Origin.listen(kernel)
        defer { _ = kernel.close(fd) }
        let opened = try opener.inherit(fd, backlog: 5)
        #expect(opened.fd == fd && opened.address.port == address.port && !opened.ownsPath)
        #expect(throws: SocketOpener.Failure.self) { _ = try self.opener.inherit(9999, backlog: 5) }
        var pair: (Int32, Int32) = (-1, -1)
        try #require(kernel.pipe(&pair) >= 0)
        #expect(throws: SocketOpener.Failure.self) { _ = try self.opener.inherit(pair.0, backlog: 5) }
        _ = kernel.close(pair.0)
        _ = kernel.close(pair.1)
    }

    private func names() throws -> [String] {
        // SAFETY: the directory is open until `closedir`; an entry is read before the next one is asked for.
        guard let directory = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}

@Suite("Addresses of the configuration")
struct NameResolverTests {
    private func resolve(_ host: AddressSpec.Host) -> String? {
        NameResolver.address(AddressSpec(host: host), port: 80, HostKernel()).map { "\($0)" }
    }

    @Test("numbers, paths and names; what has no address is nil")
    func addresses() throws {
        #expect(resolve(.ipv4(IPv4Address(value: 0x0102_0304))) == "1.2.3.4:80")
        #expect(resolve(.name("localhost"))?.hasSuffix(":80") == true)
        #expect(
            NameResolver.address(AddressSpec(host: .name("localhost"), family: .ipv4), port: 8, HostKernel())?.ipv4
                == 0x7F00_0001)
        #expect(resolve(.name("no-such-name.invalid")) == nil)
        #expect(NameResolver.address(AddressSpec(host: .unix("/x")), port: 0, nil)?.path == "/x")
        #expect(resolve(.unix("/" + String(repeating: "x", count: 200))) == nil)
        #expect(resolve(.fileDescriptor(3)) == nil)
    }
}
