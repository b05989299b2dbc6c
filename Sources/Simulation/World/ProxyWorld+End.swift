import Base
import Engine
import Proxy

// What must be true when the connections are over, and when the proxy is.
extension ProxyWorld {
    /// Every client is done, and idle server connections have had their time: nothing may be left of anything.
    func checkRest(_ runtime: ProxyRuntime) {
        for text in runtime.leftovers() { violation("left over at rest: \(text)") }
        if runtime.idleServerConnections != 0 {
            violation("left over at rest: \(runtime.idleServerConnections) idle server connections")
        }
        let streams = kernel.openStreams
        if streams != 0 { violation("left over at rest: \(streams) sockets of connections") }
        runtime.group.table.checkInvariants()
    }

    /// After the end of the proxy's loops.
    func checkEnd() {
        guard let runtime else { return }
        if !hasEnded { return violation("the proxy has not ended") }
        for text in runtime.leftovers() { violation("left over at the end: \(text)") }
        runtime.group.table.checkInvariants()
        let idle = runtime.idleServerConnections
        let streams = kernel.openStreams
        // A process that stops early takes its idle connections with it.
        if streams > idle { violation("left over at the end: \(streams) sockets of connections, \(idle) of them idle") }
        for stream in streamEnds { checkStream(stream) }
    }
}

extension SimKernel {
    /// Sockets of connections that the process has open.
    var openStreams: Int {
        descriptors.reduce(0) { $0 + (($1 as? SimStream)?.isListening == false ? 1 : 0) }
    }
}
