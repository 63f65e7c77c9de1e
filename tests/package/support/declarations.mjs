// Reading declaration files through the TypeScript compiler, and comparing two of them.

import ts from 'typescript';

/**
 * The exports of declaration files, one map for each, all checked together: from the name to the declarations, and whether a
 * value of that name exists at run time.
 */
export function exportsOf(...paths) {
  const program = ts.createProgram(paths, {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ['lib.esnext.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    types: [],
    strict: true,
    skipDefaultLibCheck: true,
  });
  const problems = ts.getPreEmitDiagnostics(program);
  if (problems.length > 0) {
    throw new Error(ts.formatDiagnostics(problems, { getCurrentDirectory: () => '', getCanonicalFileName: (name) => name, getNewLine: () => '\n' }));
  }
  const checker = program.getTypeChecker();
  return paths.map((path) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(path));
    if (module === undefined) throw new Error(`${path} is no module`);
    return new Map(
      checker.getExportsOfModule(module).map((symbol) => {
        const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
        return [symbol.name, { declarations: target.declarations ?? [], value: (target.flags & ts.SymbolFlags.Value) !== 0 }];
      }),
    );
  });
}

/** The names of the members that a class or interface declares, each with whether every object of it must have it. */
export function membersOf({ declarations }) {
  const members = new Map();
  for (const member of declarations.flatMap((declaration) => [...(declaration.members ?? [])])) {
    if (member.name === undefined || ts.isComputedPropertyName(member.name)) continue;
    members.set(nameOf(member), { required: member.questionToken === undefined });
  }
  return members;
}

/**
 * Where `shipped` says something that `full` does not: a list of sentences, empty when each signature of the one stands in the other.
 * Members of an object, alternatives of a union and optional parameters may be fewer; nothing may be different.
 */
export function differences(shipped, full, path) {
  const kind = shipped.kind;
  if (kind !== full.kind) {
    const among = ts.isUnionTypeNode(full) ? full.types.some((type) => differences(shipped, type, path).length === 0) : false;
    return among ? [] : [`${path}: ${text(shipped)} instead of ${text(full)}`];
  }
  if (ts.isUnionTypeNode(shipped)) {
    return shipped.types.flatMap((type) => (full.types.some((other) => differences(type, other, path).length === 0) ? [] : [`${path}: no alternative ${text(type)}`]));
  }
  if (ts.isIntersectionTypeNode(shipped) && shipped.types.length === full.types.length) {
    return shipped.types.flatMap((type, at) => differences(type, full.types[at], path));
  }
  if (ts.isParenthesizedTypeNode(shipped) || ts.isTypeAliasDeclaration(shipped)) {
    return [...sameList(shipped.typeParameters, full.typeParameters, path), ...differences(shipped.type, full.type, path)];
  }
  if (ts.isTypeOperatorNode(shipped) && shipped.operator === full.operator) return differences(shipped.type, full.type, path);
  if (ts.isArrayTypeNode(shipped)) return differences(shipped.elementType, full.elementType, path);
  if (ts.isTypeReferenceNode(shipped) && text(shipped.typeName) === text(full.typeName) && shipped.typeArguments?.length === full.typeArguments?.length) {
    return (shipped.typeArguments ?? []).flatMap((type, at) => differences(type, full.typeArguments[at], path));
  }
  if (ts.isFunctionLike(shipped)) return ofFunctions(shipped, full, path);
  if (ts.isPropertySignature(shipped) || ts.isPropertyDeclaration(shipped) || ts.isVariableDeclaration(shipped)) {
    const marks = (node) => `${modifiers(node)}${node.questionToken ? '?' : ''}`;
    const marked = marks(shipped) === marks(full) ? [] : [`${path}: ${text(shipped)} instead of ${text(full)}`];
    return [...marked, ...differences(shipped.type, full.type, path)];
  }
  if (shipped.members !== undefined) return ofMembers(shipped, full, path);
  return text(shipped) === text(full) ? [] : [`${path}: ${text(shipped)} instead of ${text(full)}`];
}

function ofFunctions(shipped, full, path) {
  const found = sameList(shipped.typeParameters, full.typeParameters, path);
  shipped.parameters.forEach((parameter, at) => {
    const other = full.parameters[at];
    if (other === undefined) found.push(`${path}: the parameter ${text(parameter)} is not in the full surface`);
    else if (Boolean(parameter.questionToken) !== Boolean(other.questionToken)) found.push(`${path}: ${text(parameter)} instead of ${text(other)}`);
    else found.push(...differences(parameter.type, other.type, `${path}(${text(parameter.name)})`));
  });
  const left = full.parameters.slice(shipped.parameters.length).filter((parameter) => parameter.questionToken === undefined);
  found.push(...left.map((parameter) => `${path}: the parameter ${text(parameter)} is missing`));
  if (shipped.type !== undefined && full.type !== undefined) found.push(...differences(shipped.type, full.type, `${path}()`));
  return found;
}

function ofMembers(shipped, full, path) {
  const found = [...sameList(shipped.typeParameters, full.typeParameters, path)];
  const inherited = (node) => new Set((node.heritageClauses ?? []).flatMap((clause) => clause.types.map(text)));
  for (const base of inherited(shipped)) if (!inherited(full).has(base)) found.push(`${path}: extends ${base}`);
  for (const member of shipped.members) {
    const name = nameOf(member);
    const others = full.members.filter((other) => nameOf(other) === name && other.kind === member.kind);
    if (others.length === 0) found.push(`${path}.${name} is not in the full surface`);
    else if (!others.some((other) => differences(member, other, path).length === 0)) found.push(...differences(member, others[0], `${path}.${name}`));
  }
  return found;
}

function sameList(shipped, full, path) {
  const printed = (list) => (list ?? []).map(text).join(', ');
  return printed(shipped) === printed(full) ? [] : [`${path}: <${printed(shipped)}> instead of <${printed(full)}>`];
}

const printer = ts.createPrinter({ removeComments: true });

/** A node's text, without comments and with one way of spacing. */
function text(node) {
  if (node === undefined) return 'nothing';
  return printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile()).replace(/\s+/g, ' ').replace(/;\s*$/, '');
}

function nameOf(member) {
  return member.name === undefined ? ts.SyntaxKind[member.kind] : text(member.name);
}

function modifiers(node) {
  return (node.modifiers ?? []).map((modifier) => ts.SyntaxKind[modifier.kind]).join(' ');
}
