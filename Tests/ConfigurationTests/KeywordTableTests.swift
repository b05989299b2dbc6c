import Samples
import Testing

@testable import Configuration

@Suite("Tables of keywords")
struct KeywordTableTests {
    @Test("every keyword is declared once, and documented")
    func unique() {
        for table in [KeywordTable.globalKeywords, KeywordTable.proxyKeywords] {
            #expect(Set(table.map(\.name)).count == table.count)
            for keyword in table {
                #expect(!keyword.documentation.isEmpty && !keyword.documentation.hasSuffix("."), "\(keyword.name)")
                #expect((keyword.argumentCount.upperBound > 0) == !keyword.arguments.isEmpty, "\(keyword.name)")
                #expect(!keyword.places.isEmpty, "\(keyword.name)")
            }
        }
        for table in [BindParameters.table.map(\.name), ServerParameters.table.map(\.name)] {
            #expect(table == table.sorted())
            #expect(Set(table).count == table.count)
        }
    }

    @Test("HAProxy knows every keyword that is here")
    func known() {
        let first = { (name: String) in String(name.prefix { $0 != " " }) }
        for keyword in KeywordTable.globalKeywords {
            #expect(
                KnownKeywords.global.contains(keyword.name)
                    || [
                        // Of this program alone.
                        "nouring", "log-format",
                        "gid", "uid", "user", "ulimit-n", "unix-bind", "unsetenv",
                        "zero-warning",
                    ].contains(keyword.name), "\(keyword.name)")
        }
        for keyword in KeywordTable.proxyKeywords {
            #expect(
                KnownKeywords.proxy.contains(keyword.name) || KnownKeywords.proxy.contains(first(keyword.name)),
                "\(keyword.name)")
        }
        for parameter in BindParameters.table {
            #expect(KnownKeywords.bind.contains(parameter.name), "\(parameter.name)")
        }
        for parameter in ServerParameters.table {
            #expect(KnownKeywords.server.contains(parameter.name), "\(parameter.name)")
        }
        for name in SampleTables.fetches.map(\.name) + ACLKeywords.all.map(\.name) {
            #expect(KnownKeywords.fetches.contains(name), "\(name)")
        }
        for converter in SampleTables.converters {
            #expect(KnownKeywords.converters.contains(converter.name), "\(converter.name)")
        }
    }

    @Test("-dK has HAProxy's layout")
    func listing() {
        let lines = KeywordListing.text("cfg").split(separator: "\n").map(String.init)
        #expect(lines[0] == "# List of registered configuration keywords:")
        #expect(lines[1] == "global")
        #expect(lines.contains("\tnbthread") && lines.contains("\ttimeout"))
        #expect(lines.contains("\tbind <addr> name +1") && lines.contains("\tbind <addr> v4v6"))
        #expect(
            lines.contains("\tserver <name> <addr> weight +1") && lines.contains("\tserver <name> <addr> source +-1"))
        #expect(lines.contains("\toption abortonclose [ BE ]"))
        #expect(lines.contains("\toption disable-h2-upgrade [ FE HTTP ]") && lines.contains("userlist"))
        let samples = KeywordListing.text("smp")
        #expect(samples.contains("[ Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y . . ] src: ipv4\n"))
        #expect(samples.contains("[ . . Y Y Y Y Y Y Y Y Y . . . . . . . . . . . ] req.hdr([string,integer]): str\n"))
        #expect(KeywordListing.text("acl").contains("path_beg = path -m beg\n"))
        #expect(KeywordListing.text("nonsense") == "")
    }

    @Test("-dKall and its parts put other rooms' classes in their place")
    func classes() {
        let commands = KeywordListing.Class(name: "cli", documentation: "CLI keywords") { ["# cli", "help"] }
        #expect(KeywordListing.text("cli", others: [commands]) == "# cli\nhelp\n")
        let all = KeywordListing.text("all", others: [commands])
        #expect(
            all
                == ["acl", "cfg", "cli", "cnv", "flt", "smp", "svc"].map { KeywordListing.text($0, others: [commands]) }
                .joined())
        #expect(
            KeywordListing.text("help", others: [commands]).hasPrefix(
                "# List of supported keyword classes:\nall: list all keywords\nacl: ACL keywords\ncfg: "))
    }

    @Test("the reference page is the one in docs")
    func reference() throws {
        try expectPage("docs/reference/keywords.md", KeywordReference.markdown(), suite: "KeywordTableTests")
    }
}
