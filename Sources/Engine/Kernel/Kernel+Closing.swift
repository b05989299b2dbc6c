import Glibc

extension Kernel {
    /// Has the peer of a connection told of its end by a reset when the last descriptor is closed (SO_LINGER of
    /// socket(7), with no time).
    func resetsWhenClosed(_ fd: Int32) {
        var value = linger(l_onoff: 1, l_linger: 0)
        let size = MemoryLayout<linger>.size
        // SAFETY: the option's value lives on the stack during the call.
        unsafe withUnsafeBytes(of: &value) {
            _ = unsafe setOption(fd, SOL_SOCKET, SO_LINGER, $0.baseAddress!, size)
        }
    }
}
