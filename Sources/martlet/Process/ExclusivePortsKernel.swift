import Engine
import Glibc

/// The kernel of `-dR`: no socket shares its port with those of other processes.
// SAFETY: Sendable because it has no state of its own.
final class ExclusivePortsKernel: HostKernel, @unchecked Sendable {
    override func setOption(_ fd: Int32, _ level: Int32, _ name: Int32, _ value: Int32) -> Int32 {
        if level == SOL_SOCKET && name == SO_REUSEPORT { return 0 }
        return super.setOption(fd, level, name, value)
    }
}
