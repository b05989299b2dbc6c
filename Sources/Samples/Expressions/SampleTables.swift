/// All fetches and converters, by name. To add one: a value in a table of `Fetches/` or `Converters/`; to add a table:
/// a line here.
public enum SampleTables {
    public static let fetches: [FetchKeyword] = AllFetches.all
    public static let converters: [ConverterKeyword] = AllConverters.all

    public static let fetchesByName = Dictionary(
        fetches.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    public static let convertersByName = Dictionary(
        converters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
}
