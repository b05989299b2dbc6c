import Configuration
import Samples

extension ProxiedStream {
    /// The hash that leads to a server; nil: there is nothing to hash, and the servers take turns.
    final func balanceHash(_ backend: Backend) -> UInt32? {
        guard let key = backend.hashing else { return nil }
        let scope = context.scope
        showForBalance(scope)
        defer { scope.detach() }
        if let hash = hash(key, backend, scope) { return hash }
        guard let other = backend.settings.balance.bodyKey else { return nil }
        return hash(other, backend, scope)
    }

    private final func hash(_ key: Balance.Key, _ backend: Backend, _ scope: StreamScope) -> UInt32? {
        scope.beginEvaluation()
        guard let sample = key.expression.evaluate(scope),
            let value = SampleCasts.cast(sample, to: .type(.binary), scope)
        else { return nil }
        let bytes = value.span
        let range = key.part.range(of: bytes)
        return range.isEmpty ? nil : backend.settings.balance.hash(bytes.extracting(range))
    }
}
