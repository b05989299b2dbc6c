/// What nothing leads to: said in diagnostic mode only, as such lines do no harm.
extension Parser {
    func checkUnused() {
        guard !diagnostics.contains(where: { $0.severity == .error }) else { return }
        for proxy in tree.proxies where !proxy.settings.isDisabled {
            for acl in proxy.acls where !acl.isUsed && acl.range != .none && !acl.name.hasPrefix("\u{0}") {
                report(.unusedACL, "no condition names the ACL '\(acl.name)'", at: acl.range)
            }
        }
        // A name that is computed may be any.
        guard !tree.proxies.contains(where: { $0.useBackends.contains { $0.format != nil } }) else { return }
        var used: Set<Int> = []
        for proxy in tree.proxies {
            if let target = proxy.defaultBackend { used.insert(target) }
            used.formUnion(proxy.useBackends.map(\.backend))
        }
        for reference in references where reference.kind == .backend || reference.kind == .server {
            let name = reference.name.prefix { $0 != "/" }
            if let index = tree.proxies.firstIndex(where: { $0.name == name && $0.kind.hasBackend }) {
                used.insert(index)
            }
        }
        // Without servers it may be there for what it holds, such as a table.
        for (index, proxy) in tree.proxies.enumerated()
        where proxy.kind == .backend && !proxy.settings.isDisabled && !proxy.servers.isEmpty && !used.contains(index) {
            report(
                .unusedBackend, "no rule leads to backend '\(proxy.name)'", at: proxy.range,
                help: "name it in 'default_backend' or 'use_backend' of a frontend")
        }
    }
}
