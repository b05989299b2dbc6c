import Base
import CPlatform
import Glibc

/// The file of `-p`: opened while the process may, written when the pid is known.
final class Pidfile {
    private let file: FileDescriptor

    init(path: String) throws(SystemError) {
        // SAFETY: the path is lent as a C string for the length of the call.
        let number = unsafe host_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        if let error = SystemError(result: number) { throw error }
        file = FileDescriptor(owning: number)
    }

    func write(_ pid: Int32) { Console.write("\(pid)\n", to: file.number) }
}
