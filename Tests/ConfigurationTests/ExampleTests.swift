import Testing

@testable import Configuration

@Suite("Examples")
struct ExampleTests {
    private static let root = "\(#filePath)".split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        .joined(separator: "/")

    @Test("every example loads without a warning")
    func load() throws {
        let files = try FileReader.configurationFiles(in: Self.root + "/examples")
        #expect(files.count >= 5)
        for file in files {
            let loader = ConfigurationLoader(environment: .init(inheritsProcessEnvironment: false))
            let result = loader.load(paths: [file])
            #expect(result.diagnostics.filter { $0.severity > .notice }.map(describe) == [], "\(file)")
            #expect(result.tree.proxies.contains { !$0.binds.isEmpty }, "\(file)")
            #expect(result.tree.proxies.contains { !$0.servers.isEmpty }, "\(file)")
        }
    }

    @Test("the example of content switching is what its comments say")
    func contentSwitching() throws {
        let result = ConfigurationLoader().load(paths: [Self.root + "/examples/content-switching.cfg"])
        let web = try #require(result.tree.proxies.first)
        #expect(web.useBackends.map(\.name) == ["admin", "static", "api", "shop"])
        #expect(web.useBackends.map { result.tree.proxies[$0.backend].name } == web.useBackends.map(\.name))
        #expect(web.defaultBackend.map { result.tree.proxies[$0].name } == "landing")
        guard case .file(_, let bytes) = try #require(web.settings.errorResponses[503]) else {
            return #expect(Bool(false), "a file")
        }
        #expect(bytes.starts(with: "HTTP/1.1 503 ".utf8))
    }
}
