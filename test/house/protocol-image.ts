/** What `buf build` tells, as JSON, of what is read here. */
export interface ProtocolImage {
  readonly file: readonly ProtocolFile[];
}

export interface ProtocolFile {
  readonly name: string;
  readonly package: string;
  readonly service?: readonly { readonly name: string; readonly method?: readonly Method[] }[];
  readonly messageType?: readonly Message[];
  readonly enumType?: readonly Enum[];
  readonly sourceCodeInfo: { readonly location: readonly Location[] };
}

interface Method {
  readonly name: string;
  readonly serverStreaming?: boolean;
  readonly options?: {
    readonly idempotencyLevel?: string;
    readonly "[google.api.http]"?: HttpRule;
    readonly "[transcode.v1.stream]"?: object;
  };
}

interface Message {
  readonly name: string;
  readonly field?: readonly { readonly name: string }[];
  readonly nestedType?: readonly Message[];
  readonly enumType?: readonly Enum[];
  readonly options?: { readonly mapEntry?: boolean };
}

interface Enum {
  readonly name: string;
  readonly value: readonly { readonly name: string; readonly number?: number }[];
}

interface Location {
  readonly path?: readonly number[];
  readonly leadingComments?: string;
}

type Verb = "get" | "put" | "post" | "delete" | "patch";
type HttpRule = { readonly [verb in Verb]?: string } & { readonly additionalBindings?: readonly HttpRule[] };

/** Something declared in a proto file, with the comment that stands before it. */
export interface Declared {
  /** File and name, for a message of a test. */
  readonly name: string;
  readonly comment: string;
}

export interface DeclaredMethod extends Declared {
  readonly paths: readonly { readonly verb: Verb; readonly path: string }[];
  readonly readOnly: boolean;
  readonly streams: boolean;
  readonly streamOptions: boolean;
}

// Field numbers of descriptor.proto: they spell the path of a declaration.
const inFile = { message: 4, enum: 5, service: 6 };
const inMessage = { field: 2, message: 3, enum: 4 };
const inEnum = { value: 2 };
const inService = { method: 2 };

/** Every service of a file. */
export function services(file: ProtocolFile): Declared[] {
  return (file.service ?? []).map(({ name }, s) => declared(file, name, [inFile.service, s]));
}

/** Every method of a file. */
export function methods(file: ProtocolFile): DeclaredMethod[] {
  return (file.service ?? []).flatMap((service, s) =>
    (service.method ?? []).map((method, m) => ({
      ...declared(file, `${service.name}.${method.name}`, [inFile.service, s, inService.method, m]),
      paths: bindings(method.options?.["[google.api.http]"]),
      readOnly: method.options?.idempotencyLevel === "NO_SIDE_EFFECTS",
      streams: method.serverStreaming === true,
      streamOptions: method.options?.["[transcode.v1.stream]"] !== undefined,
    })),
  );
}

/** Every field of every message of a file, nested ones too. */
export function fields(file: ProtocolFile): Declared[] {
  return messages(file).flatMap(({ message, path }) =>
    (message.field ?? []).map(({ name }, f) =>
      declared(file, `${message.name}.${name}`, [...path, inMessage.field, f]),
    ),
  );
}

/** Every value of every enum of a file, save the unspecified ones, which mean nothing. */
export function enumValues(file: ProtocolFile): Declared[] {
  const nested = messages(file).flatMap(({ message, path }) =>
    (message.enumType ?? []).map((item, e) => ({ item, path: [...path, inMessage.enum, e] })),
  );
  const top = (file.enumType ?? []).map((item, e) => ({ item, path: [inFile.enum, e] }));
  return [...top, ...nested].flatMap(({ item, path }) =>
    item.value.flatMap(({ name }, v) =>
      name.endsWith("_UNSPECIFIED") ? [] : [declared(file, name, [...path, inEnum.value, v])],
    ),
  );
}

interface Placed {
  readonly message: Message;
  readonly path: readonly number[];
}

function messages(file: ProtocolFile): Placed[] {
  const inside = ({ message, path }: Placed): Placed[] => [
    { message, path },
    ...(message.nestedType ?? [])
      .map((nested, n) => ({ message: nested, path: [...path, inMessage.message, n] }))
      .filter((placed) => !placed.message.options?.mapEntry)
      .flatMap(inside),
  ];
  return (file.messageType ?? []).flatMap((message, m) => inside({ message, path: [inFile.message, m] }));
}

function bindings(rule: HttpRule | undefined): DeclaredMethod["paths"] {
  if (!rule) return [];
  const verbs: readonly Verb[] = ["get", "put", "post", "delete", "patch"];
  const own = verbs.flatMap((verb) => {
    const path = rule[verb];
    return path === undefined ? [] : [{ verb, path }];
  });
  return [...own, ...(rule.additionalBindings ?? []).flatMap(bindings)];
}

function declared(file: ProtocolFile, name: string, path: readonly number[]): Declared {
  const place = path.join();
  const location = file.sourceCodeInfo.location.find((item) => item.path?.join() === place);
  return { name: `${file.name}: ${name}`, comment: location?.leadingComments?.trim() ?? "" };
}
