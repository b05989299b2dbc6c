import Base
import Engine
import Glibc
import Testing

@testable import martlet

@Suite("An origin server of the demo", .timeLimit(.minutes(1)))
struct DemoOriginTests {
    /// An origin on one worker that runs on a thread of its own, until `stop`.
    private final class Running {
        let origin: DemoOrigin
        let group: WorkerGroup
        private var thread = pthread_t()

        init() throws {
            let kernel = HostKernel()
            group = try WorkerGroup(WorkerGroup.Options(), kernel: kernel)
            origin = try DemoOrigin(name: "one", port: 0, workers: 1, kernel: kernel)
            origin.open(on: group.workers[0], threads: .all(1))
            // SAFETY: the thread takes the reference to the group over.
            let context = unsafe Unmanaged.passRetained(group).toOpaque()
            unsafe pthread_create(
                &thread, nil,
                { context in
                    if let context = unsafe context {
                        unsafe Unmanaged<WorkerGroup>.fromOpaque(context).takeRetainedValue().runMain()
                    }
                    return nil
                }, context)
        }

        func stop() {
            group.stop()
            _ = pthread_join(thread, nil)
        }

        /// Sends the pieces one after the other, ends its side, and returns all that comes.
        func exchange(_ pieces: [String]) -> String {
            let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(fd) }
            let address = SocketAddress(ipv4: 0x7f00_0001, port: origin.port)
            // SAFETY: the address and the buffers are lent for the length of the calls, with their sizes.
            unsafe address.withNative { native, size in _ = unsafe connect(fd, native, size) }
            for (index, piece) in pieces.enumerated() {
                if index > 0 { usleep(20_000) }
                let bytes = Array(piece.utf8)
                _ = unsafe send(fd, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            }
            shutdown(fd, Int32(SHUT_WR))
            var received: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = unsafe recv(fd, &buffer, buffer.count, 0)
                if count <= 0 { break }
                received += buffer[..<count]
            }
            return String(decoding: received, as: UTF8.self)
        }
    }

    private func exchange(_ pieces: String...) throws -> (answer: String, whole: String, head: String) {
        let running = try Running()
        defer { running.stop() }
        let response = running.origin.response
        return (
            running.exchange(pieces), String(decoding: response, as: UTF8.self),
            String(decoding: response[..<running.origin.headLength], as: UTF8.self)
        )
    }

    @Test("a request is answered with the name and the address")
    func get() throws {
        let result = try exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(result.answer == result.whole)
        #expect(result.whole.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(result.whole.contains("\r\n\r\nHello from one, on 127.0.0.1:"))
    }

    @Test("requests of one connection are answered in order, however they arrive")
    func pipelined() throws {
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        #expect(try exchange(get + get + get).answer.components(of: "200 OK") == 3)
        #expect(
            try exchange("GET / HT", "TP/1.1\r\nHost: a\r", "\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
                .answer.components(of: "200 OK") == 2)
    }

    @Test("HEAD is answered without content")
    func head() throws {
        let result = try exchange("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(result.answer == result.head)
    }

    @Test("content is read and dropped, with a length and in chunks")
    func content() throws {
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        let length = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
        #expect(try exchange(length, "ab", "cde" + get).answer.components(of: "200 OK") == 2)
        let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        #expect(try exchange(chunked + "3\r\nab", "c\r\n0\r\n\r\n" + get).answer.components(of: "200 OK") == 2)
    }

    @Test("the connection ends when the client asks for it, and after what is no request")
    func ending() throws {
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        let closing = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        #expect(try exchange(closing + get).answer.components(of: "HTTP/1.1 ") == 1)
        let bad = try exchange("nonsense\r\n\r\n" + get).answer
        #expect(bad.hasPrefix("HTTP/1.1 400 ") && bad.components(of: "HTTP/1.1 ") == 1)
    }

    @Test("a port that is taken is replaced by a free one")
    func portTaken() throws {
        let kernel = HostKernel()
        let first = try DemoOrigin(name: "a", port: 0, workers: 1, kernel: kernel)
        let second = try DemoOrigin(name: "b", port: first.port, workers: 1, kernel: kernel)
        #expect(second.port != 0 && second.port != first.port)
    }
}

extension String {
    /// How often a text stands in this one.
    func components(of text: String) -> Int {
        let bytes = Array(utf8)
        let wanted = Array(text.utf8)
        guard bytes.count >= wanted.count else { return 0 }
        return (0...(bytes.count - wanted.count)).count { bytes[$0..<($0 + wanted.count)].elementsEqual(wanted) }
    }
}
