import Configuration
import Engine
import Glibc
import Proxy

extension Startup {
    /// Opens the sockets of `stats socket`, while the process still has the rights for their paths and ports.
    func openRuntimeAPI(_ tree: ConfigurationTree) throws(Refusal) -> RuntimeAPI {
        let runtimeAPI = RuntimeAPI(
            timeoutMilliseconds: tree.global.statsTimeoutMilliseconds, maximumSessions: tree.global.statsMaxconn)
        do {
            try runtimeAPI.open(tree.global.statsSockets, kernel: kernel)
            return runtimeAPI
        } catch {
            messages.alert("Binding for frontend GLOBAL: \(error)")
            throw Refusal()
        }
    }

    /// What commands may look at. After the last fork: the pid is in it.
    func runtimeContext(_ runtime: ProxyRuntime, _ runtimeAPI: RuntimeAPI) -> RuntimeContext {
        let limit = kernel.descriptorLimit(hard: false)
        var product = RuntimeContext.Product()
        product.version = ProgramVersion.martlet
        product.releaseDate = ProgramVersion.date
        product.node = runtime.tree.global.node ?? SystemProcess.hostName
        product.description = runtime.tree.global.description
        product.processID = getpid()
        product.threadCount = runtime.threadCount
        product.descriptorLimit = Int(clamping: limit)
        product.maximumSockets = 2 * runtime.maximumConnections + runtimeAPI.listenerCount
        product.maximumConnections = runtime.maximumConnections
        product.memoryLimitMegabytes = arguments.memoryLimitMegabytes ?? 0
        return RuntimeContext(
            product: product, statistics: runtime.statistics, engine: WorkerGroupView(runtime.group),
            sockets: runtimeAPI.socketNames, patternSets: runtime.tree.patternSets)
    }
}
