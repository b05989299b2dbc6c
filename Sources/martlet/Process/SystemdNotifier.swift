import Base
import CPlatform
import Glibc

/// Tells systemd how the service is doing (`Type=notify`; sd_notify(3): one datagram of lines to `$NOTIFY_SOCKET`).
struct SystemdNotifier: Sendable {
    private let address: SocketAddress

    /// nil when systemd does not listen.
    init?(environment: [String: String]) {
        guard let path = environment["NOTIFY_SOCKET"], !path.isEmpty else { return nil }
        let parsed =
            path.hasPrefix("@")
            ? SocketAddress(abstractName: String(path.dropFirst())) : SocketAddress(unixPath: path)
        guard let parsed else { return nil }
        address = parsed
    }

    func ready() { send("READY=1\nMAINPID=\(getpid())\nSTATUS=Ready.\n") }
    func stopping() { send("STOPPING=1\nSTATUS=Stopping.\n") }

    /// Losing a notice is systemd's to time out on: errors have nobody to go to.
    private func send(_ text: String) {
        let number = host_socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        guard number >= 0 else { return }
        let socket = FileDescriptor(owning: number)
        var text = text
        text.withUTF8 { bytes in
            // SAFETY: the text and the address are lent for the length of the call, with their sizes.
            unsafe address.withNative { native, size in
                _ = unsafe host_sendto(socket.number, bytes.baseAddress, bytes.count, native, size)
            }
        }
    }
}
