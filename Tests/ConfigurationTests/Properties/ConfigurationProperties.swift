// What holds for every input of the configuration's parser. The fuzz targets and the unit tests both call these
// functions; they return nil, or a description of what does not hold.
//
// In a fuzz build this file is compiled into one module with the parser, so there is nothing to import.
#if canImport(Configuration)
    @testable import Configuration
#endif

enum ConfigurationProperties {
    private static func load(_ bytes: [UInt8]) -> ConfigurationLoader.Result {
        var loader = ConfigurationLoader(
            environment: .init(
                variables: ["A": "1 2", "B": ""], inheritsProcessEnvironment: false, features: ["EPOLL"]))
        loader.files = .none
        return loader.load(bytes: bytes, name: "input.cfg")
    }

    /// A file: it loads, and what is said about it can be shown.
    static func file(_ bytes: [UInt8]) -> String? {
        let result = load(bytes)
        let renderer = DiagnosticRenderer(files: result.tree.files)
        for diagnostic in result.diagnostics {
            if renderer.render(diagnostic).isEmpty { return "an empty message" }
            if let problem = range(diagnostic.range, result.tree) { return "\(diagnostic.message): \(problem)" }
        }
        if load(bytes).diagnostics != result.diagnostics { return "a second run says something else" }
        return result.hasErrors ? nil : references(result.tree)
    }

    private static func range(_ range: SourceRange, _ tree: ConfigurationTree) -> String? {
        guard range.file >= 0 else { return range == .none ? nil : "a range without a file" }
        guard Int(range.file) < tree.files.count else { return "a range outside of the files" }
        guard let line = tree.files[Int(range.file)].line(range.line) else { return "a range outside of the lines" }
        guard range.columnStart >= 1, range.columnStart <= range.columnEnd, Int(range.columnStart) <= line.count + 1
        else { return "a range outside of its line: \(range)" }
        return nil
    }

    private static func references(_ tree: ConfigurationTree) -> String? {
        func isBackend(_ index: Int) -> Bool {
            tree.proxies.indices.contains(index) && tree.proxies[index].kind.hasBackend
        }
        for proxy in tree.proxies {
            if proxy.id < 1 { return "'\(proxy.name)' has no number" }
            if let backend = proxy.defaultBackend, !isBackend(backend) { return "'\(proxy.name)': default_backend" }
            if proxy.servers.contains(where: { $0.id < 1 }) { return "'\(proxy.name)' has a server without a number" }
            if proxy.binds.contains(where: \.addresses.isEmpty) { return "'\(proxy.name)' has a bind to nothing" }
            for rule in proxy.useBackends {
                if !isBackend(rule.backend) { return "'\(proxy.name)': use_backend" }
                guard let condition = rule.condition else { continue }
                if condition.alternatives.isEmpty || condition.alternatives.contains(where: \.isEmpty) {
                    return "'\(proxy.name)': an empty condition"
                }
                for case .named(let index) in condition.alternatives.joined().map(\.test)
                where !proxy.acls.indices.contains(index) {
                    return "'\(proxy.name)': an ACL that is not there"
                }
            }
        }
        return nil
    }

    /// A condition: an answer, and the opposite for its negation; or an error that points into it.
    static func condition(_ bytes: [UInt8]) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        let evaluator = ConditionEvaluator(
            features: ["EPOLL"], enabledOptions: ["POLL"], dialectVersion: "3.4", isDefined: { $0 == "A" })
        let value: Bool
        do {
            value = try evaluator.evaluate(text)
        } catch {
            return (0...text.utf8.count).contains(error.offset) ? nil : "an error outside of the text: \(error)"
        }
        if text.utf8.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { return value ? "the empty condition is true" : nil }
        do {
            return try evaluator.evaluate("!(\(text))") == !value ? nil : "its negation has the same value"
        } catch {
            // One pair of parentheses more may be one too many.
            return error.message == "parentheses nest too deep" ? nil : "it cannot be negated: \(error)"
        }
    }
}
