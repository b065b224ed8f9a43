/**
 * Texts in which `{{name}}` stands for a value, and `{{{{` for two braces: Intune has placeholders of its own, such as
 * {{UserPrincipalName}}. A value is not read again for placeholders. Pure.
 */

const marks = /\{\{\{\{|\{\{([^{}]*)\}\}|\{\{/g;

/** A text written so that nothing in it is taken for a placeholder. */
export const literal = (text: string): string => text.replaceAll("{{", "{{{{");

/** The name of the placeholder that is the whole of a text. */
export const wholeName = (text: string): string | undefined => /^\{\{([^{}]*)\}\}$/.exec(text)?.[1];

/**
 * A text with the values of its placeholders. A name without a value is told to `fault`, as are, without a name, braces
 * that are never closed; both stay as they are.
 */
export function filledText(
  text: string,
  valueOf: (name: string) => string | undefined,
  fault: (name: string | undefined) => void,
): string {
  return text.replaceAll(marks, (mark: string, name: string | undefined) => {
    if (mark === "{{{{") return "{{";
    const value = name === undefined ? undefined : valueOf(name);
    if (value !== undefined) return value;
    fault(name);
    return mark;
  });
}
